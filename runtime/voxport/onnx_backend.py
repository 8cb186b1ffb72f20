"""Runs an ONNX artifact with onnxruntime; the only module that imports it, and only on request.

Knows the graph's names and the providers' options. Knows nothing of packages, audio or labels.
"""

import ctypes
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport import optional, providers
from voxport.errors import InferenceError, ProviderUnavailableError
from voxport.graph import (
    FEATURE_LENGTHS,
    INPUTS,
    OUTPUTS,
    FeatureOutput,
    GraphOutput,
    feature_output,
)
from voxport.threads import here as threads_here

_WARNING, _FATAL = 2, 4  # onnxruntime's severities

_OPTIONS = {
    providers.CUDA: {
        # EXHAUSTIVE, the default, measures every convolution again for every new length.
        "cudnn_conv_algo_search": "HEURISTIC",
        # The default doubles the arena whenever it is full, and it never shrinks.
        "arena_extend_strategy": "kSameAsRequested",
        # The default rounds float32 products to 10 bits: emissions are then 1e-3 off, not 1e-5.
        "use_tf32": "0",
    }
}


# Fusions that are slower on a CPU than what they replace: for 10 s of audio in the base model,
# 1.8 ms instead of 0.25 for a residual with its LayerNorm, 5.0 instead of 3.7 for a GELU.
_SLOW_ON_CPU = ["SkipLayerNormFusion", "BiasGeluFusion"]


class OnnxBackend:
    """An artifact in an onnxruntime session. Several threads may call ``run`` at once."""

    def __init__(self, path: Path, provider: str = "auto", threads: int | None = None) -> None:
        self._path = path
        self._session = _open(path, provider, threads)
        self.provider = str(self._session.get_providers()[0])
        self.runtime = f"onnxruntime {onnxruntime().__version__}"

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """onnxruntime computes all; only the outputs that are named are copied to the host."""
        values = self._fetch(waveform, lengths, outputs)
        return GraphOutput(**dict(zip(outputs, values, strict=True)))

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        layers: Sequence[int],
    ) -> FeatureOutput:
        """onnxruntime computes every layer; only those that are named are copied to the host."""
        outputs = [*map(feature_output, layers), FEATURE_LENGTHS]
        *values, frames = self._fetch(waveform, lengths, outputs)
        return FeatureOutput(values, frames)

    def _fetch(
        self, waveform: NDArray[np.float32], lengths: NDArray[np.int64], outputs: Sequence[str]
    ) -> list[Any]:
        feed = dict(zip(INPUTS, (waveform, lengths), strict=True))
        try:
            return self._session.run(list(outputs), feed)
        except Exception as error:  # onnxruntime's exceptions share no other base
            raise InferenceError(
                f"onnxruntime failed on {waveform.shape[0]} x {waveform.shape[1]} samples on "
                f"{self.provider}: {_one_line(error)} "
                "(memory grows with the square of the length that runs at once)",
                self._path.name,
            ) from error


def _open(path: Path, requested: str, threads: int | None) -> Any:
    """A session on the provider that is meant; only "auto" may end on another, the CPU."""
    chosen = providers.choose(requested, onnxruntime().get_available_providers())
    try:
        return start(str(path), chosen, threads)
    except (ProviderUnavailableError, InferenceError) as error:
        if requested.lower() == "auto" and chosen != providers.CPU:
            return start(str(path), providers.CPU, threads)
        if isinstance(error, ProviderUnavailableError):
            raise error.about(f"{requested} was asked for and cannot run here") from error.__cause__
        raise


def onnxruntime() -> Any:
    """The onnxruntime module, or an error that says what to install."""
    return optional.load(
        "onnxruntime",
        "running an ONNX artifact needs onnxruntime",
        'pip install "voxport[cpu]", or "voxport[gpu]" for CUDA',
    )


def start(model: str | bytes, provider: str, threads: int | None = None) -> Any:
    """A session on exactly that provider for a file or for a model's bytes."""
    runtime = onnxruntime()
    reason = providers.why_not(provider, runtime.get_available_providers())
    if reason:
        raise ProviderUnavailableError(reason)
    this = f"onnxruntime {runtime.__version__}"
    problem = "it did not start"  # a provider whose libraries are missing is dropped silently
    try:
        session = _session(runtime, model, provider, threads)
        if session.get_providers()[0] == provider:
            return session
    except Exception as error:  # onnxruntime's exceptions share no other base
        if provider == providers.CPU or library_problem(provider) is None:
            shown = "the model" if isinstance(model, bytes) else model
            raise InferenceError(
                f"{this} cannot load it on {provider}: {_one_line(error)}", shown
            ) from error
    raise ProviderUnavailableError(
        f"{this} could not start it: {library_problem(provider) or problem}; "
        f"{providers.install(provider)}"
    )


def _session(runtime: Any, model: str | bytes, provider: str, threads: int | None) -> Any:
    """A session that may have dropped the provider."""
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL  # errors come as exceptions, and are said once
    # onnxruntime pins the threads of its own choice, so that two processes share one core while
    # another is idle, and prints an error for each that it may not pin: it is given a number.
    options.intra_op_num_threads = threads or threads_here()
    # A plan of memory for every new pair of shapes is kept for ever, and saves no time.
    options.enable_mem_pattern = False
    names = providers.with_fallbacks(provider)
    with _quiet(runtime, on_gpu=provider in (providers.CUDA, providers.TENSORRT)):
        return runtime.InferenceSession(
            model,
            options,
            providers=[(name, _OPTIONS.get(name, {})) for name in names],
            enable_fallback=0,  # else a run that fails is repeated on the CPU
            disabled_optimizers=_SLOW_ON_CPU if provider == providers.CPU else None,
        )


@contextmanager
def _quiet(runtime: Any, on_gpu: bool) -> Generator[None, None, None]:
    """Load a GPU's libraries from the nvidia-* distributions of pip; what fails is said by us."""
    if not on_gpu:
        yield
        return
    with redirect_stdout(StringIO()):
        runtime.preload_dlls(directory="")
    runtime.set_default_logger_severity(_FATAL)
    try:
        yield
    finally:
        runtime.set_default_logger_severity(_WARNING)  # its default; it has no getter


def library_problem(provider: str) -> str | None:
    """What the dynamic linker says against a provider's library: the name of what is missing."""
    folder = Path(onnxruntime().__file__).parent / "capi"
    short = provider.removesuffix("ExecutionProvider").lower()
    path = folder / f"libonnxruntime_providers_{short}.so"
    if not path.exists():
        return f"{path.name} is not part of this onnxruntime"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(path))
    except OSError as error:
        return str(error)
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
