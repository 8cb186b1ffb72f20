"""Execution providers: their names, which one a request means, and how to get one that is missing.

Works on the list that onnxruntime gives, so that it can be tested on any machine; imports neither
onnxruntime nor torch.
"""

from collections.abc import Sequence

from voxport.errors import InputError
from voxport.machine import cuda

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"  # which voxport runs without onnxruntime
GPUS = (CUDA, TENSORRT)  # whose tensors lie in a memory of their own

# What a user writes, and onnxruntime's name for it.
NAMES = {
    "cpu": CPU,
    "cuda": CUDA,
    "tensorrt": TENSORRT,
    "openvino": OPENVINO,
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}
INSTALL_GPU = 'pip uninstall onnxruntime, then pip install "voxport[gpu]"'
_NEEDS = 'an NVIDIA GPU, its driver, and pip install "voxport[gpu]" in place of "voxport[cpu]"'
# The library that onnxruntime 1.22 to 1.31 looks for is libnvinfer.so.10; pip's newest is 11.
_TENSORRT = 'pip install "tensorrt<11", with its folder tensorrt_libs in LD_LIBRARY_PATH'
_INSTALL = {
    CUDA: INSTALL_GPU,
    TENSORRT: f"{INSTALL_GPU}, and {_TENSORRT}",
    OPENVINO: 'pip install "voxport[openvino]"',
    "DmlExecutionProvider": "pip uninstall onnxruntime, then pip install onnxruntime-directml",
}
_ON_CUDA = {
    CUDA: f"CUDA needs {_NEEDS}; provider cpu runs here",
    TENSORRT: f"TensorRT needs all that CUDA needs ({_NEEDS}), and {_TENSORRT}",
}


def full_name(requested: str) -> str:
    """onnxruntime's name for what a user wrote; "auto" stays."""
    wanted = str(requested).lower()  # None, for one, is an unknown name too
    if wanted == "auto":
        return wanted
    for short, name in NAMES.items():
        if wanted in (short, name.lower()):
            return name
    raise InputError(f"unknown provider {requested!r}: expected auto, {', '.join(NAMES)}")


def choose(requested: str, available: Sequence[str]) -> str:
    """The provider to run on: "auto" is CUDA if that is `available` and a GPU is there, else CPU.

    Anything else is what was asked for, be it there or not: never a quiet fall back to the CPU.
    """
    name = full_name(requested)
    if name != "auto":
        return name
    return CUDA if CUDA in available and cuda.unavailable_reason() is None else CPU


def why_not(name: str, available: Sequence[str]) -> str | None:
    """Why the provider cannot run here and what to do, as far as can be known without trying."""
    if name in _ON_CUDA and (reason := cuda.unavailable_reason()):
        return f"{reason}; {_ON_CUDA[name]}"
    if name not in available:
        return f"this onnxruntime was built without {name}: {install(name)}"
    return None


def never_torch(requested: str) -> str | None:
    """Why no machine runs a TorchScript artifact on that provider, or None."""
    if full_name(requested) in ("auto", CPU, CUDA):
        return None
    return f"a TorchScript artifact runs on cpu or cuda, not on {requested}; an ONNX artifact may"


def install(name: str) -> str:
    """How to get a provider that is missing."""
    return _INSTALL.get(name, "it needs an onnxruntime that was built with it")


def with_fallbacks(name: str) -> list[str]:
    """The provider, and those that take the operators it has not (string operators, for one)."""
    return list(dict.fromkeys([name, *([CUDA] if name == TENSORRT else []), CPU]))
