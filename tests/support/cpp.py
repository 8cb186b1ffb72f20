"""Build runtime/cpp where a compiler and the libraries are; elsewhere say what to install."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping
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

    def run(
        self, *args: object, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run it; bytes other than UTF-8 in its output are replaced."""
        return subprocess.run(
            [self.path, *map(str, args)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            env={**os.environ, **(environment or {})},
        )


def build(folder: Path, *options: str) -> Program:
    """Build `transcribe`, every warning of the compiler an error."""
    skip_without_tools()
    configure_and_build(SOURCES, folder, "-DCMAKE_CXX_FLAGS=-Werror", *options)
    return Program(folder / "transcribe")


def skip_without_tools() -> None:
    """Skip a test if the compiler or a library is missing."""
    if missing := _missing_packages():
        pytest.skip(f"runtime/cpp is not built here: apt-get install {' '.join(missing)}")


def configure_and_build(sources: Path, folder: Path, *options: str) -> None:
    """Run CMake on `sources` in `folder`."""
    call("cmake", "-S", sources, "-B", folder, *options)
    call("cmake", "--build", folder, "--parallel", "2")


def find_onnxruntime(folder: Path) -> Path:
    """Make `folder` a release of ONNX Runtime: installed headers, the library of Python's wheel."""
    named = os.environ.get("VOXPORT_ONNXRUNTIME_HEADERS")
    places = [Path(named)] if named else [prefix / "onnxruntime" for prefix in _PREFIXES]
    headers = next((p for p in places if (p / "onnxruntime_cxx_api.h").exists()), None)
    if headers is None:
        pytest.skip(
            "no onnxruntime_cxx_api.h here: apt-get install libonnxruntime-dev, or name a folder "
            "that has it in VOXPORT_ONNXRUNTIME_HEADERS"
        )
    pytest.importorskip("onnxruntime")
    library = next((_package_folder("onnxruntime") / "capi").glob("libonnxruntime.so.*"), None)
    if library is None:
        pytest.skip("the installed onnxruntime holds no libonnxruntime.so")
    (folder / "lib").mkdir()
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / "lib" / name).symlink_to(library)
    (folder / "include").symlink_to(headers)
    return folder


def find_libtorch() -> Path:
    """Return the folder of Python's torch, with its headers and libraries."""
    pytest.importorskip("torch")
    return _package_folder("torch")


def _missing_packages() -> list[str]:
    """Return the Debian packages to install."""
    tools = [name for name in ("cmake", "g++") if shutil.which(name) is None]
    return tools + [
        package
        for header, package in _HEADERS.items()
        if not any((prefix / header).exists() for prefix in _PREFIXES)
    ]


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def call(*command: object, environment: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output; fail if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
