"""torchaudio's model through a plain ``torch.onnx.export``, in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.decoding import decode, stack

FILE = "plain.onnx"


def export(workspace: str, threads: int) -> None:
    """Write the ONNX file as in PyTorch's documentation, with dynamic axes."""
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
    """Open the file in a session with onnxruntime's defaults."""
    return open_session(Path(workspace) / FILE, threads)


def open_session(path: Path, threads: int) -> Callable[[Sequence[Any]], list[str]]:
    """Open an ONNX file from (B, S) to an emission (B, T, L)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = opened.get_inputs()[0].name
    return lambda waveforms: decode(opened.run(None, {name: stack(waveforms)})[0])
