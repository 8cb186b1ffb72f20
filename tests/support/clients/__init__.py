"""Runners of the layouts' real clients; a client that is not installed skips its test.

``.ci/layout-clients`` installs them into the folder ``VOXPORT_CLIENTS``. They need other versions
of the tests' own dependencies, so each runs in its own process.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_HERE = Path(__file__).parent
_HOW = "name a folder that .ci/layout-clients has filled in VOXPORT_CLIENTS"


def python(script: str, package: str, *arguments: object) -> Any:
    """Run a script by an interpreter with ``package``; return the JSON that it prints."""
    interpreter = sys.executable
    if find_spec(package) is None:
        interpreter = str(_folder(package) / "bin" / "python")
        found = f"import importlib.util as u; raise SystemExit(not u.find_spec({package!r}))"
        if subprocess.run([interpreter, "-c", found]).returncode:
            pytest.skip(f"{package} is not installed: {_HOW}")
    return _json(interpreter, _HERE / script, *arguments)


def node(script: str, package: str, *arguments: object) -> Any:
    """Run a script by node, its first argument the folder of ``package``; return its JSON."""
    if shutil.which("node") is None:
        pytest.skip("there is no node here")
    installed = _folder(package)
    if not (installed / "node_modules" / package).is_dir():
        pytest.skip(f"{package} is not installed: {_HOW}")
    return _json("node", _HERE / script, installed, *arguments)


def triton_configuration(text: str) -> Any:
    """Parse a config.pbtxt by Triton's published protobuf."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import text_format

    path = "lib/python3*/site-packages/tritonclient/grpc/model_config_pb2.py"
    found = next(_folder("tritonclient").glob(path), None)
    if found is None:
        pytest.skip(f"tritonclient is not installed: {_HOW}")
    # The module alone: its package needs gRPC.
    definition: dict[str, Any] = {"__name__": "model_config_pb2"}
    exec(compile(found.read_text(encoding="utf-8"), str(found), "exec"), definition)
    return text_format.Parse(text, definition["ModelConfig"]())


def write(waveforms: Sequence[np.ndarray], folder: Path) -> list[Path]:
    """Write waveforms as files of float32 samples; return them in order."""
    paths = [folder / f"{index}.f32" for index in range(len(waveforms))]
    for path, waveform in zip(paths, waveforms, strict=True):
        waveform.astype("<f4").tofile(path)
    return paths


def _folder(package: str) -> Path:
    named = os.environ.get("VOXPORT_CLIENTS")
    if not named:
        pytest.skip(f"{package} is not installed: {_HOW}")
    return Path(named)


def _json(*command: object) -> Any:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
