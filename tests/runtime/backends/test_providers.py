import re

import pytest

from voxport.backends import providers
from voxport.errors import InputError
from voxport.machine import cuda

CPU, CUDA, TENSORRT = providers.CPU, providers.CUDA, providers.TENSORRT
GPU_BUILD = [TENSORRT, CUDA, CPU]
CPU_BUILD = [CPU]
NO_DRIVER = "there is no NVIDIA driver"


@pytest.fixture
def gpu(monkeypatch):
    def set_problem(problem):
        monkeypatch.setattr(cuda, "unavailable_reason", lambda: problem)

    return set_problem


@pytest.mark.parametrize(
    ("problem", "available", "requested", "chosen"),
    [
        (None, GPU_BUILD, "auto", CUDA),
        (None, CPU_BUILD, "auto", CPU),
        (NO_DRIVER, GPU_BUILD, "auto", CPU),
        (None, GPU_BUILD, "cpu", CPU),
        (None, GPU_BUILD, "cuda", CUDA),
        (None, GPU_BUILD, "CUDA", CUDA),
        (None, GPU_BUILD, "CUDAExecutionProvider", CUDA),
        (None, GPU_BUILD, "tensorrt", TENSORRT),
    ],
)
def test_auto_is_cuda_only_with_a_gpu_and_its_build(gpu, problem, available, requested, chosen):
    gpu(problem)
    assert providers.choose_provider(requested, available) == chosen


def test_a_requested_provider_is_never_replaced(gpu):
    gpu(NO_DRIVER)
    assert providers.choose_provider("cuda", CPU_BUILD) == CUDA


@pytest.mark.parametrize(
    ("problem", "available", "requested", "message"),
    [
        (NO_DRIVER, GPU_BUILD, "cuda", r'no NVIDIA driver; CUDA needs.*"voxport\[gpu\]"'),
        (
            NO_DRIVER,
            GPU_BUILD,
            "tensorrt",
            r'no NVIDIA driver; TensorRT.*install "tensorrt<11"',
        ),
        (None, CPU_BUILD, "cuda", r'built without CUDA.*pip install "voxport\[gpu\]"'),
        (None, CPU_BUILD, "openvino", r'pip install "voxport\[openvino\]"'),
        (None, CPU_BUILD, "xnnpack", "needs an onnxruntime that was built with it"),
    ],
)
def test_an_unavailable_provider_has_a_remedy(gpu, problem, available, requested, message):
    gpu(problem)
    assert re.search(
        message, providers.unavailable_reason(providers.full_name(requested), available)
    )


def test_an_available_provider_has_no_reason(gpu):
    gpu(None)
    assert (
        providers.unavailable_reason(CPU, CPU_BUILD)
        is providers.unavailable_reason(CUDA, GPU_BUILD)
        is None
    )


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"unknown provider 'gpu': expected auto, cpu, cuda"):
        providers.choose_provider("gpu", CPU_BUILD)
    with pytest.raises(InputError, match="unknown provider None"):
        providers.choose_provider(None, CPU_BUILD)


def test_fallbacks_for_missing_operators():
    assert providers.with_fallbacks(CPU) == [CPU]
    assert providers.with_fallbacks(CUDA) == [CUDA, CPU]
    assert providers.with_fallbacks(TENSORRT) == [TENSORRT, CUDA, CPU]


class Driver:
    """Two functions of libcuda with given answers."""

    def __init__(self, init=0, count=0):
        self.init, self.count = init, count

    def cuInit(self, flags):  # noqa: N802
        return self.init

    def cuDeviceGetCount(self, pointer):  # noqa: N802
        pointer._obj.value = self.count
        return 0


@pytest.mark.parametrize(
    ("driver", "problem"),
    [
        (None, "there is no NVIDIA driver"),
        (Driver(count=0), "finds no GPU"),
        (Driver(init=100), "finds no GPU"),
        (Driver(init=999), "CUDA error 999"),
        (Driver(count=2), None),
    ],
)
def test_the_driver_answers_are_explained(monkeypatch, driver, problem):
    monkeypatch.setattr(cuda, "_driver", lambda: driver)
    cuda.unavailable_reason.cache_clear()
    try:
        found = cuda.unavailable_reason()
    finally:
        cuda.unavailable_reason.cache_clear()
    assert found is None if problem is None else problem in found
