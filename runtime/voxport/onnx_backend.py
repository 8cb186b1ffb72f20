"""Runs an ONNX artifact with onnxruntime; the only module that imports it, and only on request.

Knows the graph's names and the providers' options. Knows nothing of packages, audio or labels.
"""

import ctypes
import importlib
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport import providers
from voxport.errors import InferenceError, MissingDependencyError, ProviderUnavailableError
from voxport.graph import INPUTS, OUTPUTS, GraphOutput

_WARNING, _ERROR, _FATAL = 2, 3, 4  # onnxruntime's severities

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


class OnnxBackend:
    """An artifact in an onnxruntime session. Several threads may call ``run`` at once."""

    def __init__(self, path: Path, provider: str = "auto", threads: int | None = None) -> None:
        self._path = path
        self._session = _start(path, provider, threads)
        self.provider = str(self._session.get_providers()[0])
        self.runtime = f"onnxruntime {onnxruntime().__version__}"

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Only the outputs that are named are computed and copied back to the host."""
        feed = dict(zip(INPUTS, (waveform, lengths), strict=True))
        try:
            values = self._session.run(list(outputs), feed)
        except Exception as error:  # onnxruntime's exceptions share no other base
            raise InferenceError(
                f"{self._path.name}: onnxruntime failed on {waveform.shape[0]} x "
                f"{waveform.shape[1]} samples on {self.provider}: {error} "
                "(memory grows with the square of a recording's length: cut a long one)"
            ) from error
        return GraphOutput(**dict(zip(outputs, values, strict=True)))


def _start(path: Path, requested: str, threads: int | None) -> Any:
    """A session on the provider that is meant; only "auto" may end on another, the CPU."""
    runtime = onnxruntime()
    chosen = providers.choose(requested, runtime.get_available_providers())
    is_auto = requested.lower() == "auto"
    try:
        session = open_session(str(path), chosen, threads)
        if is_auto or session.get_providers()[0] == chosen:
            return session
        reason = library_problem(chosen) or "it did not start"
    except InferenceError:
        if is_auto and chosen != providers.CPU:
            return open_session(str(path), providers.CPU, threads)
        reason = None if chosen == providers.CPU else library_problem(chosen)
        if reason is None:
            raise
    raise ProviderUnavailableError(
        f"{requested} was asked for and onnxruntime {runtime.__version__} could not start it: "
        f"{reason}; {providers.install(chosen)}"
    )


def onnxruntime() -> Any:
    """The onnxruntime module, or an error that says what to install."""
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingDependencyError(
            f"running an ONNX artifact needs onnxruntime ({error}): "
            'pip install "voxport[cpu]", or "voxport[gpu]" for CUDA'
        ) from error


def open_session(model: str | bytes, provider: str, threads: int | None = None) -> Any:
    """A session for a file or for a model's bytes.

    A provider whose libraries are missing is dropped without an error: ask the session which it
    has.
    """
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = _ERROR
    options.intra_op_num_threads = threads or _threads_here()
    names = providers.with_fallbacks(provider)
    try:
        with _quiet(runtime, on_gpu=provider in (providers.CUDA, providers.TENSORRT)):
            return runtime.InferenceSession(
                model,
                options,
                providers=[(name, _OPTIONS.get(name, {})) for name in names],
                enable_fallback=0,  # else a run that fails is repeated on the CPU
            )
    except Exception as error:  # onnxruntime's exceptions share no other base
        shown = "the model" if isinstance(model, bytes) else model
        raise InferenceError(
            f"{shown}: onnxruntime {runtime.__version__} cannot load it on {provider}: {error}"
        ) from error


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


def _threads_here() -> int:
    """0, onnxruntime's own choice, unless this process may not use every core.

    It would start a thread a core and pin it, and print an error for each that it may not pin.
    """
    if not hasattr(os, "sched_getaffinity"):
        return 0
    allowed = len(os.sched_getaffinity(0))
    return allowed if allowed < (os.cpu_count() or allowed) else 0
