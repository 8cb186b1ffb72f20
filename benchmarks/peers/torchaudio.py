"""torchaudio's own model in PyTorch: eager, compiled, scripted, quantized."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torchaudio

from benchmarks.peers.decoding import decode, stack

Recognize = Callable[[Sequence[Any]], list[str]]

_FILE = "torchaudio.ts"


def eager(workspace: str, threads: int, precision: str = "float32") -> Recognize:  # noqa: ARG001
    """Open the model as it is, or all of it in another precision."""
    return _recognize(model(threads).to(getattr(torch, precision)))


def compiled(workspace: str, threads: int) -> Recognize:  # noqa: ARG001
    """Open it in ``torch.compile`` with its defaults: lengths are dynamic after the second."""
    return _recognize(torch.compile(model(threads)))


def script(workspace: str, threads: int) -> None:
    """Write the model as TorchScript."""
    path = Path(workspace) / _FILE
    if not path.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.script(model(threads)).save(str(path))


def scripted(workspace: str, threads: int) -> Recognize:
    """Open the TorchScript file, frozen."""
    torch.set_num_threads(threads)
    return _recognize(torch.jit.freeze(torch.jit.load(str(Path(workspace) / _FILE)).eval()))


def dynamic_int8(workspace: str, threads: int) -> Recognize:  # noqa: ARG001
    """Open it after ``quantize_dynamic`` on every linear layer."""
    quantize = torch.ao.quantization.quantize_dynamic
    return _recognize(quantize(model(threads), {torch.nn.Linear}, dtype=torch.qint8))


def model(threads: int) -> torchaudio.models.Wav2Vec2Model:
    """Load WAV2VEC2_ASR_BASE_960H from torch's hub cache, in evaluation mode."""
    torch.set_num_threads(threads)
    return torchaudio.pipelines.WAV2VEC2_ASR_BASE_960H.get_model().eval()


def _recognize(network: Any) -> Recognize:
    kinds = (value.dtype for value in network.parameters() if value.is_floating_point())
    kind = next(kinds, torch.float32)

    @torch.inference_mode()
    def recognize(waveforms: Sequence[Any]) -> list[str]:
        emission, _ = network(torch.from_numpy(stack(waveforms)).to(kind))
        return decode(emission.float().numpy())

    return recognize
