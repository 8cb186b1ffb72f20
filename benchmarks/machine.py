"""Description of the machine, without its name or any of its paths."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "nncf",
    "torch",
    "torchaudio",
    "transformers",
)
_INSTRUCTION_SETS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
)


def describe(threads: int) -> dict[str, Any]:
    """Return processor, memory, system and versions as JSON values."""
    cpu = _fields("/proc/cpuinfo")
    memory = int(_fields("/proc/meminfo").get("MemTotal", "0 kB").split()[0]) * 1024
    flags = cpu.get("flags", "").split()
    return {
        "cpu": cpu.get("model name", platform.processor()),
        "instructions": [name for name in _INSTRUCTION_SETS if name in flags],
        "cores": int(cpu.get("cpu cores", 0)) or None,
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": threads,
        "versions": {name: found for name in _DISTRIBUTIONS if (found := _version(name))},
    }


def describe_gpu() -> str:
    """Return the first GPU's name, memory and driver; empty without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return shown.strip().splitlines()[0] if shown.strip() else ""


def _fields(path: str) -> dict[str, str]:
    """Read a file of ``name : value`` lines; the first value of a name counts."""
    found: dict[str, str] = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    return found


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
