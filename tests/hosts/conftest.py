"""Fixtures of the hosts: the C++ program on either backend, the shipped package."""

import os
import shutil
from pathlib import Path

import pytest

from support import cpp
from voxport.package.find import find_package


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """`transcribe` on ONNX Runtime; a built one if VOXPORT_CPP_PROGRAM names it."""
    if built := os.environ.get("VOXPORT_CPP_PROGRAM"):
        return cpp.Program(Path(built))
    root = cpp.find_onnxruntime(tmp_path_factory.mktemp("onnxruntime"))
    return cpp.build(tmp_path_factory.mktemp("cpp"), f"-DVOXPORT_ONNXRUNTIME_ROOT={root}")


@pytest.fixture(scope="session")
def install(tmp_path_factory):
    """Install the library, "OFF": static or "ON": shared, and return the folder; each once.

    VOXPORT_CPP_PREFIX names a folder with a shared one that is there already.
    """
    cpp.skip_without_tools()
    made = {}
    if built := os.environ.get("VOXPORT_CPP_PREFIX"):
        made["ON"] = Path(built)

    def prefix(is_shared):
        if is_shared in made:
            return made[is_shared]
        folder = tmp_path_factory.mktemp("install")
        root = cpp.find_onnxruntime(tmp_path_factory.mktemp("onnxruntime"))
        cpp.configure_and_build(
            cpp.SOURCES,
            folder / "build",
            f"-DVOXPORT_ONNXRUNTIME_ROOT={root}",
            f"-DBUILD_SHARED_LIBS={is_shared}",
            f"-DCMAKE_INSTALL_PREFIX={folder / 'prefix'}",
            "-DCMAKE_INSTALL_LIBDIR=lib",
            "-DCMAKE_BUILD_TYPE=Debug",  # compiles fastest
        )
        cpp.call("cmake", "--install", folder / "build")
        shutil.rmtree(folder / "build")  # nothing of it may be needed
        return made.setdefault(is_shared, folder / "prefix")

    return prefix


@pytest.fixture(scope="session")
def torch_program(tmp_path_factory):
    """`transcribe` on LibTorch."""
    return cpp.build(
        tmp_path_factory.mktemp("cpp-torch"),
        "-DVOXPORT_ONNXRUNTIME=OFF",
        "-DVOXPORT_LIBTORCH=ON",
        f"-DVOXPORT_LIBTORCH_ROOT={cpp.find_libtorch()}",
    )


@pytest.fixture(scope="session")
def commands():
    """The shipped package, which has an ONNX artifact."""
    return find_package("commands")
