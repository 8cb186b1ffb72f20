"""``voxport doctor``: what works on this machine, and what to install where it does not.

A provider works if a model really runs on it, so each is tried on the smallest one there is.
Versions are read from the installed distributions: torch is not imported for its version.
"""

import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from voxport.backends import providers
from voxport.errors import VoxportError
from voxport.machine import cuda
from voxport.package import find

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
_BY_ONNXRUNTIME = ("cpu", "cuda", "tensorrt")  # tried even where it has them not


@dataclass(frozen=True)
class ProviderReport:
    """An execution provider."""

    name: str  # what --provider takes
    works: bool
    reason: str = ""  # why not, and what to do


@dataclass(frozen=True)
class Report:
    """All that doctor knows."""

    versions: dict[str, str | None]  # None: not installed
    gpu: str  # what the NVIDIA driver says
    providers: tuple[ProviderReport, ...]
    models: tuple[str, ...] = field(default=())  # that are installed with voxport


def examine() -> Report:
    """Try everything."""
    return Report(
        versions=_versions(),
        gpu=cuda.unavailable_reason() or "an NVIDIA GPU is usable",
        providers=tuple(_providers()),
        models=tuple(find.shipped()),
    )


def works(provider: str) -> bool:
    """Whether a model runs on a provider here."""
    return _try(provider).works


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
        return [*(ProviderReport(name, False, reason) for name in _BY_ONNXRUNTIME), _openvino()]
    short = {full: name for name, full in providers.NAMES.items()}
    names = [*_BY_ONNXRUNTIME, *(short[full] for full in available if full in short)]
    names = [name for name in dict.fromkeys(names) if name != "openvino"]
    return [*map(_try, names), _openvino()]


def _openvino() -> ProviderReport:
    """The one provider that runs without onnxruntime."""
    from voxport.backends import openvino

    try:
        openvino.check()
    except VoxportError as error:
        return ProviderReport("openvino", works=False, reason=error.reason)
    return ProviderReport("openvino", works=True)


def _try(name: str) -> ProviderReport:
    """One provider: started, and run."""
    from voxport.backends.onnx import start

    try:
        start(_MODEL, providers.NAMES[name]).run(None, {"x": np.ones(2, np.float32)})
    except VoxportError as error:
        return ProviderReport(name, works=False, reason=error.reason)
    except Exception as error:  # onnxruntime's exceptions share no other base
        return ProviderReport(name, works=False, reason=" ".join(str(error).split()))
    return ProviderReport(name, works=True)
