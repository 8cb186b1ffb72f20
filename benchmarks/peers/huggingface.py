"""Hugging Face's model of the same shape with random weights, eager and through optimum-onnx.

Nothing is downloaded: the default configuration of transformers is the base model's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.decoding import decode, stack

Recognize = Callable[[Sequence[Any]], list[str]]


def save(workspace: str, threads: int) -> None:  # noqa: ARG001
    """Write the random model by ``save_pretrained``."""
    folder = Path(workspace) / "huggingface"
    if folder.exists():
        return
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    torch.manual_seed(0)
    Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=29)).save_pretrained(folder)


def eager(workspace: str, threads: int) -> Recognize:
    """Open the model in PyTorch."""
    import torch
    from transformers import Wav2Vec2ForCTC

    torch.set_num_threads(threads)
    model = Wav2Vec2ForCTC.from_pretrained(Path(workspace) / "huggingface").eval()

    @torch.inference_mode()
    def recognize(waveforms: Sequence[Any]) -> list[str]:
        return decode(model(torch.from_numpy(normalize(waveforms))).logits.numpy())

    return recognize


def export(workspace: str, threads: int) -> None:
    """Export the random model with optimum."""
    folder = Path(workspace) / "optimum"
    if folder.exists():
        return
    from optimum.onnxruntime import ORTModelForCTC

    save(workspace, threads)
    ORTModelForCTC.from_pretrained(Path(workspace) / "huggingface", export=True).save_pretrained(
        folder
    )


def optimum(workspace: str, threads: int) -> Recognize:
    """Open the export with optimum's own class on onnxruntime."""
    import onnxruntime
    import torch
    from optimum.onnxruntime import ORTModelForCTC

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = ORTModelForCTC.from_pretrained(
        Path(workspace) / "optimum", provider="CPUExecutionProvider", session_options=options
    )

    def recognize(waveforms: Sequence[Any]) -> list[str]:
        return decode(model(torch.from_numpy(normalize(waveforms))).logits.numpy())

    return recognize


def normalize(waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Normalise clips to zero mean and unit variance, as the model's feature extractor does."""
    x = stack(waveforms)
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-7)
