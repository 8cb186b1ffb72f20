"""Runs the real clients of the layouts, each where it is installed, and skips where it is not.

``.ci/layout-clients`` installs them into a folder; ``VOXPORT_CLIENTS`` names it. They have versions
of their own of what voxport's tests use, so they run in processes of their own.
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
    """What a script prints as JSON, run by an interpreter that has ``package``."""
    interpreter = sys.executable
    if find_spec(package) is None:
        interpreter = str(_folder(package) / "bin" / "python")
        found = f"import importlib.util as u; raise SystemExit(not u.find_spec({package!r}))"
        if subprocess.run([interpreter, "-c", found]).returncode:
            pytest.skip(f"{package} is not installed: {_HOW}")
    return _json(interpreter, _HERE / script, *arguments)


def node(script: str, package: str, *arguments: object) -> Any:
    """What a script prints as JSON, run by node; it is told first where ``package`` is."""
    if shutil.which("node") is None:
        pytest.skip("there is no node here")
    installed = _folder(package)
    if not (installed / "node_modules" / package).is_dir():
        pytest.skip(f"{package} is not installed: {_HOW}")
    return _json("node", _HERE / script, installed, *arguments)


def triton_configuration(text: str) -> Any:
    """A config.pbtxt as the message of the published protobuf that Triton reads it into."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import text_format

    path = "lib/python3*/site-packages/tritonclient/grpc/model_config_pb2.py"
    found = next(_folder("tritonclient").glob(path), None)
    if found is None:
        pytest.skip(f"tritonclient is not installed: {_HOW}")
    # The module alone: the package around it wants gRPC.
    definition: dict[str, Any] = {"__name__": "model_config_pb2"}
    exec(compile(found.read_text(encoding="utf-8"), str(found), "exec"), definition)
    return text_format.Parse(text, definition["ModelConfig"]())


def write(waveforms: Sequence[np.ndarray], folder: Path) -> list[Path]:
    """Waveforms as files of float32 samples, in order."""
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
