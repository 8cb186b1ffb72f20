"""The backends of torch: TorchScript and exported programs (``.pt2``).

The only module of the runtime that may import torch; it is imported when such an artifact is asked
for, and without torch the error says so. Knows the graph's order of outputs; nothing of packages
or audio.
"""

import json
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.backends import providers
from voxport.backends.contract import (
    HEAD_OUTPUTS,
    OUTPUTS,
    TOKENS,
    TRANSCRIPT,
    FeatureOutput,
    GraphOutput,
    HeadOutput,
    ModelFile,
    join_pieces,
)
from voxport.backends.failures import last_line, run_failure
from voxport.errors import InferenceError, ProviderUnavailableError
from voxport.machine import cuda
from voxport.optional_import import import_optional

_PIECES = "pieces.json"  # the labels' texts, inside the archive of an exported program
_TENSORS = OUTPUTS[:-1]  # outputs of an exported program; it knows no strings


class _TorchBackend:
    """Device, threads and errors of torch, for an artifact of any of its formats.

    ``threads`` sets torch's number for the whole process: torch has no other.
    """

    def __init__(self, name: str, provider: str, threads: int | None) -> None:
        torch = _torch()
        self._device = _choose_device(torch, provider)
        self._name = name
        self.runtime = f"torch {torch.__version__}"
        self.provider = self._device
        if threads:
            torch.set_num_threads(threads)

    @contextmanager
    def _running(
        self, waveform: NDArray[np.float32], lengths: NDArray[np.int64]
    ) -> Generator[tuple[Any, Any], None, None]:
        """Yield the inputs as tensors on the device; turn torch's errors into ours."""
        torch = _torch()
        try:
            with torch.inference_mode():
                device = self._device
                yield torch.from_numpy(waveform).to(device), torch.from_numpy(lengths).to(device)
        except (RuntimeError, AssertionError) as error:
            reason = f" on {self._device}: {last_line(error)}"
            message = run_failure("torch", waveform.shape, reason, error)
            raise InferenceError(message, self._name) from error


class TorchScriptBackend(_TorchBackend):
    """An artifact as a torch module. Several threads may call ``run`` at once."""

    def __init__(
        self, file: Path | ModelFile, provider: str = "auto", threads: int | None = None
    ) -> None:
        file = file if isinstance(file, ModelFile) else ModelFile(file)
        super().__init__(file.path.name, provider, threads)
        with warnings.catch_warnings():
            for category in (DeprecationWarning, FutureWarning):  # of TorchScript as a whole
                warnings.simplefilter("ignore", category)
            try:
                source = str(file.source) if file.content is None else BytesIO(file.content)
                self._module: Any = _torch().jit.load(source, map_location=self._device).eval()
            except RuntimeError as error:
                reason = f"{self.runtime} cannot load it: {last_line(error)}"
                raise InferenceError(reason, file.path) from error

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Compute all outputs and copy the named ones to the host."""
        with self._running(waveform, lengths) as inputs:
            values: dict[str, Any] = dict(zip(OUTPUTS, self._module(*inputs), strict=True))
            return GraphOutput(**{name: _to_host(values[name]) for name in outputs})

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        layers: Sequence[int],
    ) -> FeatureOutput:
        """Compute every layer and copy the named ones to the host."""
        with self._running(waveform, lengths) as inputs:
            values, frames = self._module.extract_features(*inputs)
            return FeatureOutput([_to_host(values[n - 1]) for n in layers], _to_host(frames))

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        task: str,
    ) -> HeadOutput:
        """Compute the outputs of a task and copy them to the host."""
        names = HEAD_OUTPUTS[task]
        with self._running(waveform, lengths) as inputs:
            found = self._module(*inputs)
            values = found if len(names) > 1 else (found,)
            return HeadOutput(
                **{name: _to_host(value) for name, value in zip(names, values, strict=True)}
            )


class ExportedProgramBackend(_TorchBackend):
    """An artifact of ``torch.export.save``. Several threads may call ``run`` at once."""

    def __init__(
        self, file: Path | ModelFile, provider: str = "auto", threads: int | None = None
    ) -> None:
        file = file if isinstance(file, ModelFile) else ModelFile(file)
        super().__init__(file.path.name, provider, threads)
        try:
            program, texts = _load_program(_torch(), file, self._device)
            self._pieces: tuple[str, ...] = tuple(json.loads(texts))
            self._least = _least_samples(program)
            self._module: Any = program.module()
        except Exception as error:  # a damaged archive can fail in any way
            reason = f"{self.runtime} cannot load it: {last_line(error)}"
            raise InferenceError(reason, file.path) from error

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Compute all outputs, copy the named ones to the host and join the text."""
        found = self._infer(waveform, lengths)
        values: dict[str, Any] = dict(zip(_TENSORS, found, strict=False))
        frames = int(values["emission_lengths"].max())
        values["emission"] = values["emission"][:, :frames]
        if TRANSCRIPT in outputs:
            values[TRANSCRIPT] = join_pieces(values[TOKENS], self._pieces)
        return GraphOutput(**{name: values[name] for name in outputs})

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        layers: Sequence[int],
    ) -> FeatureOutput:
        """Compute every layer and copy the named ones to the host."""
        found = self._infer(waveform, lengths)
        outputs = found[len(_TENSORS) :] if self._pieces else found
        frames = int(outputs[-1].max())
        return FeatureOutput([outputs[n - 1][:, :frames] for n in layers], outputs[-1])

    def answer(
        self,
        waveform: NDArray[np.float32],  # noqa: ARG002
        lengths: NDArray[np.int64],  # noqa: ARG002
        task: str,
    ) -> HeadOutput:
        """Refuse: exported programs are written of transcripts and features only."""
        raise InferenceError(
            f"an exported program gives no {task}; use artifact='onnx'", self._name
        )

    def _infer(self, waveform: NDArray[np.float32], lengths: NDArray[np.int64]) -> list[Any]:
        """Run the program, on padding up to the fewest samples that it takes."""
        lengths = lengths.clip(0, waveform.shape[1])
        missing = max(0, self._least - waveform.shape[1])
        with self._running(waveform, lengths) as (samples, counts):
            if missing:
                samples = _torch().nn.functional.pad(samples, (0, missing))
            return [_to_host(value) for value in self._module(samples, counts)]


def _load_program(torch: Any, file: ModelFile, device: str) -> tuple[Any, str]:
    """Load an exported program onto a device; return it with the labels' texts beside it."""
    texts = {_PIECES: ""}
    source = str(file.source) if file.content is None else BytesIO(file.content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's insides
        program = torch.export.load(source, extra_files=texts)
    if device != "cpu":
        passes: Any = import_optional("torch.export.passes", "CUDA needs it", "pip install torch")
        program = passes.move_to_device_pass(program, device)
    return program, texts[_PIECES] or "[]"


def _least_samples(program: Any) -> int:
    """Return the fewest samples that a program takes: the lower bound of its second free size."""
    shape = next(iter(program.graph_signature.user_inputs))
    node = next(one for one in program.graph.nodes if one.name == shape)
    bounds = program.range_constraints.get(node.meta["val"].shape[1].node.expr)
    return 0 if bounds is None else int(bounds.lower)


def _torch() -> Any:
    return import_optional("torch", "the artifact needs torch", "pip install torch")


def _choose_device(torch: Any, provider: str) -> str:
    if reason := providers.torchscript_refusal(provider):
        raise ProviderUnavailableError(reason)
    name = providers.full_name(provider)
    if name != providers.CPU and torch.cuda.is_available():
        return "cuda"
    if name != providers.CUDA:
        return "cpu"
    reason = (
        cuda.unavailable_reason() or f"torch {torch.__version__} is built without CUDA for this GPU"
    )
    raise ProviderUnavailableError(
        f"{reason}; CUDA needs an NVIDIA GPU, its driver and a torch that is built for both; "
        "provider cpu runs here",
        "cuda was asked for and cannot run here",
    )


def _to_host(value: Any) -> Any:
    """Copy a tensor into an array; texts stay as they are."""
    return value.cpu().numpy() if hasattr(value, "cpu") else value
