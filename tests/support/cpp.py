"""Builds runtime/cpp where a compiler and the libraries are, and says what to install elsewhere."""

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.data import ROOT

SOURCES = ROOT / "runtime" / "cpp"

_HEADERS = {
    "sndfile.h": "libsndfile1-dev",
    "openssl/evp.h": "libssl-dev",
    "nlohmann/json.hpp": "nlohmann-json3-dev",
}
_PREFIXES = (Path("/usr/include"), Path("/usr/local/include"))


@dataclass(frozen=True)
class Program:
    """A built `transcribe`."""

    path: Path

    def run(self, *args: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.path, *map(str, args)], capture_output=True, text=True, timeout=300
        )


def build(folder: Path, *options: str) -> Program:
    """`transcribe`, every warning of the compiler an error."""
    if missing := _missing():
        pytest.skip(f"runtime/cpp is not built here: apt-get install {' '.join(missing)}")
    strict = "-DCMAKE_CXX_FLAGS=-Werror"
    _call("cmake", "-S", SOURCES, "-B", folder, strict, *options)
    _call("cmake", "--build", folder, "--parallel", "2")
    return Program(folder / "transcribe")


def onnxruntime(folder: Path) -> Path:
    """What a release of ONNX Runtime holds: installed headers and the library of Python's wheel."""
    named = os.environ.get("VOXPORT_ONNXRUNTIME_HEADERS")
    places = [Path(named)] if named else [prefix / "onnxruntime" for prefix in _PREFIXES]
    headers = next((p for p in places if (p / "onnxruntime_cxx_api.h").exists()), None)
    if headers is None:
        pytest.skip(
            "no onnxruntime_cxx_api.h here: apt-get install libonnxruntime-dev, or name a folder "
            "that has it in VOXPORT_ONNXRUNTIME_HEADERS"
        )
    pytest.importorskip("onnxruntime")
    library = next((_package("onnxruntime") / "capi").glob("libonnxruntime.so.*"), None)
    if library is None:
        pytest.skip("the installed onnxruntime holds no libonnxruntime.so")
    (folder / "lib").mkdir()
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / "lib" / name).symlink_to(library)
    (folder / "include").symlink_to(headers)
    return folder


def libtorch() -> Path:
    """The folder of Python's torch, which holds headers and libraries."""
    pytest.importorskip("torch")
    return _package("torch")


def _missing() -> list[str]:
    """The Debian packages to install."""
    tools = [name for name in ("cmake", "g++") if shutil.which(name) is None]
    return tools + [
        package
        for header, package in _HEADERS.items()
        if not any((prefix / header).exists() for prefix in _PREFIXES)
    ]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _call(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
