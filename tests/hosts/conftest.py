"""Fixtures of the hosts: the C++ program on either backend, the shipped package."""

import pytest

from support import cpp
from voxport.package.find import find_package


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """`transcribe` on ONNX Runtime."""
    root = cpp.find_onnxruntime(tmp_path_factory.mktemp("onnxruntime"))
    return cpp.build(tmp_path_factory.mktemp("cpp"), f"-DVOXPORT_ONNXRUNTIME_ROOT={root}")


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
