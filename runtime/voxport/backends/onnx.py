"""The onnxruntime backend: ONNX artifacts; the only module that imports it, and only on request.

On a GPU the graph runs without its transcript, whose strings would be joined on the host in the
middle of a run; the text is joined here from the tokens. Knows the graph's names; nothing of
packages or audio.
"""

import ctypes
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.backends import providers
from voxport.backends.contract import (
    FEATURE_LENGTHS,
    HEAD_OUTPUTS,
    INPUTS,
    OUTPUTS,
    TEXTS,
    TOKENS,
    TRANSCRIPT,
    FeatureOutput,
    GraphOutput,
    HeadOutput,
    ModelFile,
    feature_output,
    join_pieces,
)
from voxport.backends.failures import one_line, run_failure
from voxport.backends.onnx_protobuf import without_output
from voxport.backends.onnx_provider_options import DEFAULT, Settings, provider_options
from voxport.errors import InferenceError, ProviderUnavailableError
from voxport.machine.threads import default_thread_count
from voxport.optional_import import import_optional

_WARNING, _FATAL = 2, 4  # onnxruntime's severities
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_DATA_FOLDER = "session.model_external_initializers_file_folder_path"
_MODEL_FORMAT = "session.load_model_format"  # else bytes of its own format are read as that

# Fusions that are slower on a CPU than the operators they replace: for 10 s of audio in the base
# model, 1.8 ms instead of 0.25 for a residual with its LayerNorm, 5.0 instead of 3.7 for a GELU.
_SLOW_FUSIONS_ON_CPU = ["SkipLayerNormFusion", "BiasGeluFusion"]


class OnnxBackend:
    """An artifact in an onnxruntime session. Several threads may call ``run`` at once.

    ``pieces``: each label's text in a transcript; without them a GPU runs the graph
    with its own. ``half``: the weights are float16. ``engines``: cache folder for TensorRT.
    """

    def __init__(
        self,
        file: Path | ModelFile,
        provider: str = "auto",
        threads: int | None = None,
        *,
        pieces: Sequence[str] | None = None,
        half: bool = False,
        engines: Path | None = None,
    ) -> None:
        file = file if isinstance(file, ModelFile) else ModelFile(file)
        self._name = file.path.name
        self._pieces = pieces
        settings = Settings(threads, half, engines)
        self._session = _open_session(file, provider, settings, is_pruned=pieces is not None)
        self._is_pruned = TRANSCRIPT not in [one.name for one in self._session.get_outputs()]
        self.provider = str(self._session.get_providers()[0])
        self.runtime = f"onnxruntime {onnxruntime().__version__}"

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Compute all outputs, as onnxruntime does, and copy the named ones to the host."""
        if TRANSCRIPT in outputs and self._pieces is not None and self._is_pruned:
            others = [name for name in dict.fromkeys([*outputs, TOKENS]) if name != TRANSCRIPT]
            found = self.run(waveform, lengths, others)
            return replace(found, transcript=join_pieces(found.tokens, self._pieces))
        values = self._fetch(waveform, lengths, outputs)
        return GraphOutput(**dict(zip(outputs, values, strict=True)))

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        layers: Sequence[int],
    ) -> FeatureOutput:
        """Compute every layer, as onnxruntime does, and copy the named ones to the host."""
        outputs = [*map(feature_output, layers), FEATURE_LENGTHS]
        *values, frames = self._fetch(waveform, lengths, outputs)
        return FeatureOutput(values, frames)

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        task: str,
    ) -> HeadOutput:
        """Compute the outputs of a task; a GPU gives no strings."""
        outputs = HEAD_OUTPUTS[task]
        if self.provider in providers.GPUS:
            outputs = tuple(name for name in outputs if name not in TEXTS)
        values = self._fetch(waveform, lengths, outputs)
        return HeadOutput(**dict(zip(outputs, values, strict=True)))

    def _fetch(
        self, waveform: NDArray[np.float32], lengths: NDArray[np.int64], outputs: Sequence[str]
    ) -> list[Any]:
        feed: dict[str, NDArray[Any]] = dict(zip(INPUTS, (waveform, lengths), strict=True))
        try:
            if self.provider in providers.GPUS and TRANSCRIPT not in outputs:
                return _run_with_iobinding(self._session, feed, outputs)
            return self._session.run(list(outputs), feed)
        except Exception as error:  # onnxruntime's exceptions share no other base
            reason = f" on {self.provider}: {one_line(error)}"
            message = run_failure("onnxruntime", waveform.shape, reason, error)
            raise InferenceError(message, self._name) from error


def onnxruntime() -> Any:
    """Import onnxruntime, or raise an error with the install command.

    The one place that imports it. From 1.29 on its Linux wheels keep a device id and a database of
    events in the user's cache folder and look up an address to send them to. The variable stops
    all of it if it is set before the import; ``disable_telemetry_events`` comes one event too late.
    """
    os.environ.setdefault(_NO_TELEMETRY, "1")
    return import_optional(
        "onnxruntime",
        "running an ONNX artifact needs onnxruntime",
        'pip install "voxport[cpu]", or "voxport[gpu]" for CUDA',
    )


def create_session(
    model: Path | bytes, provider: str, settings: Settings = DEFAULT, shown: object = "the model"
) -> Any:
    """Create a session on exactly this provider, for a file or the bytes of a model.

    ``shown``: the subject of an error message.

    Raises:
        ProviderUnavailableError: the provider does not start here.
        InferenceError: onnxruntime does not load the model.
    """
    runtime = onnxruntime()
    reason = providers.unavailable_reason(provider, runtime.get_available_providers())
    if reason:
        raise ProviderUnavailableError(reason)
    engine = f"onnxruntime {runtime.__version__}"
    problem = "it did not start"  # a provider whose libraries are missing is dropped silently
    try:
        session = _session(runtime, model, provider, settings)
        if session.get_providers()[0] == provider:
            return session
    except Exception as error:  # onnxruntime's exceptions share no other base
        if provider == providers.CPU or library_problem(provider) is None:
            raise InferenceError(
                f"{engine} cannot load it on {provider}: {one_line(error)}", shown
            ) from error
    raise ProviderUnavailableError(
        f"{engine} could not start it: {library_problem(provider) or problem}; "
        f"{providers.install_hint(provider)}"
    )


def library_problem(provider: str) -> str | None:
    """Return the dynamic linker's complaint about a provider's library (a missing one), or None."""
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


def _open_session(file: ModelFile, requested: str, settings: Settings, is_pruned: bool) -> Any:
    """Create a session on the requested provider; only "auto" may end on another, the CPU."""
    available = onnxruntime().get_available_providers()
    chosen = providers.choose_provider(requested, available)
    is_pruned = is_pruned and chosen in providers.GPUS
    whole = file.source if file.content is None else file.content
    try:
        if is_pruned and providers.unavailable_reason(chosen, available) is None:
            settings_here = replace(settings, data=file.source.parent)
            return create_session(_without_transcript(file), chosen, settings_here, file.path)
        return create_session(whole, chosen, settings, file.path)
    except (ProviderUnavailableError, InferenceError) as error:
        if requested.lower() == "auto" and chosen != providers.CPU:
            return create_session(whole, providers.CPU, settings, file.path)
        if isinstance(error, ProviderUnavailableError):
            raise error.about(f"{requested} was asked for and cannot run here") from error.__cause__
        raise


def _without_transcript(file: ModelFile) -> bytes:
    try:
        return without_output(file.read(), TRANSCRIPT)
    except ValueError as error:
        raise InferenceError(f"is no ONNX file: {error}", file.path) from error


def _session(runtime: Any, model: Path | bytes, provider: str, settings: Settings) -> Any:
    """Create a session; onnxruntime may have dropped the provider."""
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL  # errors come as exceptions, and are reported once
    # onnxruntime pins the threads of its own choice, so that two processes share one core while
    # another is idle, and prints an error for each that it may not pin: it is given a number.
    options.intra_op_num_threads = settings.threads or default_thread_count()
    # A plan of memory for every new pair of shapes is kept for ever, and saves no time.
    options.enable_mem_pattern = False
    options.add_session_config_entry(_MODEL_FORMAT, "ONNX")
    if settings.data is not None:
        options.add_session_config_entry(_DATA_FOLDER, str(settings.data))
    with _gpu_libraries(runtime, on_gpu=provider in providers.GPUS):
        return runtime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=provider_options(provider, settings),
            enable_fallback=0,  # else a run that fails is repeated on the CPU
            disabled_optimizers=_SLOW_FUSIONS_ON_CPU if provider == providers.CPU else None,
        )


@contextmanager
def _gpu_libraries(runtime: Any, on_gpu: bool) -> Generator[None, None, None]:
    """Load a GPU's libraries from pip's nvidia-* distributions; failures are reported by us."""
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


def _run_with_iobinding(
    session: Any, feed: dict[str, NDArray[Any]], outputs: Sequence[str]
) -> list[Any]:
    """Run with inputs and outputs bound. Not for strings: onnxruntime 1.31 crashes on them."""
    binding = session.io_binding()
    for name, values in feed.items():
        binding.bind_cpu_input(name, np.ascontiguousarray(values))
    for name in outputs:
        binding.bind_output(name)  # on the host
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()
