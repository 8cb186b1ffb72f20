"""``voxport doctor``: working providers of this machine, and install hints for the others.

A provider works if a model really runs on it, so each is tried on the smallest one there is.
Versions are read from the installed distributions: torch is not imported for its version.
"""

import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from voxport.backends import providers
from voxport.backends.failures import one_line
from voxport.errors import VoxportError
from voxport.machine import cuda
from voxport.package.find import shipped_models

# y = x + x on two floats: opset 13, IR version 8. Written with onnx.helper, kept as bytes because
# the runtime has no onnx.
_MODEL = bytes.fromhex(
    "08083a350a0e0a01780a017812017922034164641201675a0f0a0178120a0a08080112040a020802"
    "620f0a0179120a0a08080112040a02080242040a00100d"
)
_DISTRIBUTIONS = (
    "voxport",
    "numpy",
    "soundfile",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "typer",
    "torch",
    "torchaudio",
    "onnx",
)
_ALWAYS_LISTED = ("cpu", "cuda", "tensorrt")  # tried even where onnxruntime lacks them


@dataclass(frozen=True)
class ProviderReport:
    """An execution provider on this machine."""

    name: str  # the value of --provider
    works: bool
    reason: str = ""  # of a failure, with a remedy


@dataclass(frozen=True)
class DoctorReport:
    """Versions, GPU, providers and models of this machine."""

    versions: dict[str, str | None]  # None: not installed
    gpu: str  # the NVIDIA driver's answer
    providers: tuple[ProviderReport, ...]
    models: tuple[str, ...] = field(default=())  # installed with voxport


def examine() -> DoctorReport:
    """Try every provider and collect the report."""
    return DoctorReport(
        versions=_versions(),
        gpu=cuda.unavailable_reason() or "an NVIDIA GPU is usable",
        providers=tuple(_providers()),
        models=tuple(shipped_models()),
    )


def provider_works(provider: str) -> bool:
    """Run a tiny model on a provider and return its success."""
    return _try_provider(provider).works


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    found["libsndfile"] = _libsndfile()
    return found


def _libsndfile() -> str | None:
    from voxport.audio import files

    try:
        return files.libsndfile_version()
    except VoxportError:
        return None


def _providers() -> list[ProviderReport]:
    from voxport.backends.onnx import onnxruntime

    try:
        available: list[str] = onnxruntime().get_available_providers()
    except VoxportError as error:
        reason = str(error)
        return [*(ProviderReport(name, False, reason) for name in _ALWAYS_LISTED), _openvino()]
    short = {full: name for name, full in providers.NAMES.items()}
    names = [*_ALWAYS_LISTED, *(short[full] for full in available if full in short)]
    names = [name for name in dict.fromkeys(names) if name != "openvino"]
    return [*map(_try_provider, names), _openvino()]


def _openvino() -> ProviderReport:
    """Try the one provider that runs without onnxruntime."""
    from voxport.backends.openvino import check_openvino

    try:
        check_openvino()
    except VoxportError as error:
        return ProviderReport("openvino", works=False, reason=error.reason)
    return ProviderReport("openvino", works=True)


def _try_provider(name: str) -> ProviderReport:
    """Start one provider of onnxruntime and run the model on it."""
    from voxport.backends.onnx import create_session

    try:
        create_session(_MODEL, providers.NAMES[name]).run(None, {"x": np.ones(2, np.float32)})
    except VoxportError as error:
        return ProviderReport(name, works=False, reason=error.reason)
    except Exception as error:  # onnxruntime's exceptions share no other base
        return ProviderReport(name, works=False, reason=one_line(error))
    return ProviderReport(name, works=True)
