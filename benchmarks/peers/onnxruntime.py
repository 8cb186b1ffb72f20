"""torchaudio's model through a plain ``torch.onnx.export``, in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.decoding import stacked, texts

FILE = "plain.onnx"


def export(workspace: str, threads: int) -> None:
    """Write the ONNX file as PyTorch's documentation does it, with dynamic axes."""
    path = Path(workspace) / FILE
    if path.exists():
        return
    import torch

    from benchmarks.peers.torchaudio import model

    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("samples")}
    torch.onnx.export(
        model(threads),
        (torch.randn(2, 32_000),),
        path,
        dynamo=True,
        dynamic_shapes=(axes,),
        input_names=["waveform"],
        output_names=["emission"],
        external_data=False,
    )


def plain(workspace: str, threads: int) -> Callable[[Sequence[Any]], list[str]]:
    """The file in a session with onnxruntime's defaults."""
    return session(Path(workspace) / FILE, threads)


def session(path: Path, threads: int) -> Callable[[Sequence[Any]], list[str]]:
    """An ONNX file from [batch, samples] to an emission."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = opened.get_inputs()[0].name
    return lambda waveforms: texts(opened.run(None, {name: stacked(waveforms)})[0])
