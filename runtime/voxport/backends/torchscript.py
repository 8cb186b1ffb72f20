"""Runs a TorchScript artifact with torch; the only module of the runtime that may import it.

It is imported when such an artifact is asked for, and where torch is not installed the error says
so. Knows the graph's order of outputs. Knows nothing of packages, audio or labels.
"""

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport import optional_import
from voxport.backends import providers
from voxport.backends.contract import OUTPUTS, FeatureOutput, GraphOutput
from voxport.errors import InferenceError, ProviderUnavailableError
from voxport.inference import attention_memory
from voxport.machine import cuda


class TorchScriptBackend:
    """An artifact as a torch module. Several threads may call ``run`` at once.

    `threads` sets torch's number for the whole process: torch has no other.
    """

    def __init__(self, path: Path, provider: str = "auto", threads: int | None = None) -> None:
        torch = _torch()
        self._device = _device(torch, provider)
        self._path = path
        self.runtime = f"torch {torch.__version__}"
        self.provider = self._device
        if threads:
            torch.set_num_threads(threads)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
            try:
                self._module: Any = torch.jit.load(str(path), map_location=self._device).eval()
            except RuntimeError as error:
                raise InferenceError(
                    f"torch {torch.__version__} cannot load it: {_last_line(error)}", path
                ) from error

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Only the outputs that are named are copied back to the host."""
        with self._running(waveform, lengths) as inputs:
            values: dict[str, Any] = dict(zip(OUTPUTS, self._module(*inputs), strict=True))
            return GraphOutput(**{name: _on_host(values[name]) for name in outputs})

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,)
        layers: Sequence[int],
    ) -> FeatureOutput:
        """Every layer is computed; only those that are named are copied back to the host."""
        with self._running(waveform, lengths) as inputs:
            values, frames = self._module.extract_features(*inputs)
            return FeatureOutput([_on_host(values[n - 1]) for n in layers], _on_host(frames))

    @contextmanager
    def _running(
        self, waveform: NDArray[np.float32], lengths: NDArray[np.int64]
    ) -> Generator[tuple[Any, Any], None, None]:
        """The inputs as tensors on the device, and what torch says against them as our error."""
        torch = _torch()
        try:
            with torch.inference_mode():
                device = self._device
                yield torch.from_numpy(waveform).to(device), torch.from_numpy(lengths).to(device)
        except RuntimeError as error:
            raise InferenceError(
                f"torch failed on {waveform.shape[0]} x {waveform.shape[1]} samples on "
                f"{self._device}: {_last_line(error)}{attention_memory.advice(error)}",
                self._path.name,
            ) from error


def _torch() -> Any:
    return optional_import.load(
        "torch", "the TorchScript artifact needs torch", "pip install torch"
    )


def _device(torch: Any, provider: str) -> str:
    if reason := providers.never_torch(provider):
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


def _last_line(error: RuntimeError) -> str:
    """What is meant: TorchScript shows the graph's whole code before it."""
    return str(error).strip().rpartition("\n")[2].strip()


def _on_host(value: Any) -> Any:
    """A tensor as an array; texts as they are."""
    return value.cpu().numpy() if hasattr(value, "cpu") else value
