"""Execution providers: their names, the choice of one, and the install hint for a missing one.

Works on onnxruntime's list of providers, given as an argument: testable on any machine. Imports
neither onnxruntime nor torch.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from voxport.backends import tensorrt
from voxport.errors import InputError
from voxport.machine import cuda

Provider: TypeAlias = Literal[
    "auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml", "migraphx", "xnnpack"
]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = tensorrt.PROVIDER
OPENVINO = "OpenVINOExecutionProvider"  # run by voxport without onnxruntime
GPUS = (CUDA, TENSORRT)  # their tensors lie in a memory of their own

# Each name of the interface, and onnxruntime's.
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
_CUDA_NEEDS = 'an NVIDIA GPU, its driver, and pip install "voxport[gpu]" in place of "voxport[cpu]"'
_INSTALL_HINTS = {
    CUDA: INSTALL_GPU,
    TENSORRT: f"{INSTALL_GPU}, and {tensorrt.INSTALL}",
    OPENVINO: 'pip install "voxport[openvino]"',
    "DmlExecutionProvider": "pip uninstall onnxruntime, then pip install onnxruntime-directml",
}
_GPU_NEEDS = {
    CUDA: f"CUDA needs {_CUDA_NEEDS}; provider cpu runs here",
    TENSORRT: f"TensorRT needs all that CUDA needs ({_CUDA_NEEDS}), and {tensorrt.INSTALL}",
}


def full_name(requested: str) -> str:
    """Return onnxruntime's name for a user's spelling of a provider; "auto" stays."""
    wanted = str(requested).lower()  # None, for one, is an unknown name too
    if wanted == "auto":
        return wanted
    for short, name in NAMES.items():
        if wanted in (short, name.lower()):
            return name
    raise InputError(f"unknown provider {requested!r}: expected auto, {', '.join(NAMES)}")


def choose_provider(requested: str, available: Sequence[str]) -> str:
    """Return the provider to run on.

    "auto" is CUDA if it is ``available`` and there is a GPU, else the CPU. Any other request is
    returned as it is, available or not: never a quiet fall back to the CPU.
    """
    name = full_name(requested)
    if name != "auto":
        return name
    return CUDA if CUDA in available and cuda.unavailable_reason() is None else CPU


def unavailable_reason(name: str, available: Sequence[str]) -> str | None:
    """Return the reason why a provider cannot run here and a remedy, or None; starts nothing."""
    if name in _GPU_NEEDS and (reason := cuda.unavailable_reason()):
        return f"{reason}; {_GPU_NEEDS[name]}"
    if name not in available:
        return f"this onnxruntime was built without {name}: {install_hint(name)}"
    return None


def torchscript_refusal(requested: str) -> str | None:
    """Return the reason why no TorchScript artifact runs on a provider on any machine, or None."""
    if full_name(requested) in ("auto", CPU, CUDA):
        return None
    return f"a TorchScript artifact runs on cpu or cuda, not on {requested}; an ONNX artifact may"


def install_hint(name: str) -> str:
    """Return the command to install a missing provider."""
    return _INSTALL_HINTS.get(name, "it needs an onnxruntime that was built with it")


def with_fallbacks(name: str) -> list[str]:
    """List a provider and others for its missing operators (string operators, for one)."""
    return list(dict.fromkeys([name, *([CUDA] if name == TENSORRT else []), CPU]))
