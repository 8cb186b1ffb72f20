"""Torch operators for cutting a waveform into equal blocks and joining them, and their ONNX form.

The length of a block follows from the waveform's: torch's exporter cannot express this for the
steps of a loop. To torch every block therefore has ``MAX_BLOCK_FRAMES`` frames; in the file blocks
are as short as their number allows. ``TRANSLATION`` is for
``torch.onnx.export(custom_translation_table=…)``.
"""

from __future__ import annotations

from typing import Any

import torch
from onnxscript import opset20
from torch import Tensor

from voxport.backends.contract import BLOCK_FRAMES, MOST_FRAMES

onnx: Any = opset20  # typed for tensors, while a translation handles symbolic values

MAX_BLOCK_FRAMES = 52  # a little more than a second of speech


@torch.library.custom_op("voxport::cut", mutates_args=())
def cut_blocks(waveform: Tensor, frames: int, stride: int, overlap: int) -> tuple[Tensor, Tensor]:
    """Cut a waveform into blocks; past its end they repeat its last sample.

    Args:
        waveform: (B, S).
        frames: of the waveform, at least one.
        stride: samples from one frame to the next.
        overlap: samples of a block beyond ``stride`` for each of its frames.

    Returns:
        The blocks (B * count, samples of a block), and the row of each, int64 (B * count,).
    """
    count = -(-frames // MAX_BLOCK_FRAMES)
    each = -(-frames // count) * stride
    samples = torch.arange(count).unsqueeze(1) * each + torch.arange(each + overlap)
    blocks = waveform[:, samples.clamp(max=waveform.shape[1] - 1)]
    return blocks.flatten(0, 1), torch.arange(len(waveform)).repeat_interleave(count)


@cut_blocks.register_fake
def _(waveform: Tensor, frames: int, stride: int, overlap: int) -> tuple[Tensor, Tensor]:
    count = waveform.shape[0] * ((frames + MAX_BLOCK_FRAMES - 1) // MAX_BLOCK_FRAMES)
    blocks = waveform.new_empty(count, MAX_BLOCK_FRAMES * stride + overlap)
    return blocks, waveform.new_empty(count, dtype=torch.int64)


@torch.library.custom_op("voxport::join", mutates_args=())
def join_blocks(blocks: Tensor, batch: int, frames: int) -> Tensor:
    """Map blocks (B * count, frames of a block, C) to the first frames of each row, (B, T, C)."""
    return blocks.reshape(batch, -1, blocks.shape[-1])[:, :frames].clone()


@join_blocks.register_fake
def _(blocks: Tensor, batch: int, frames: int) -> Tensor:
    return blocks.new_empty(batch, frames, blocks.shape[-1])


def _int64(value: int) -> Any:
    return onnx.Constant(value_ints=[value])


def _onnx_cut(waveform: Any, frames: Any, stride: int, overlap: int) -> Any:
    one, most = _int64(1), _int64(MAX_BLOCK_FRAMES)
    most.name = MOST_FRAMES
    length = onnx.Shape(waveform, start=1, end=2)
    frames = onnx.Reshape(frames, one)
    # In this order a runtime finds `most` among a node's inputs.
    count = onnx.Div(onnx.Sub(onnx.Add(frames, most), one), most)
    each = onnx.Div(onnx.Sub(onnx.Add(frames, count), one), count)
    each.name = BLOCK_FRAMES
    hop = onnx.Mul(each, _int64(stride))
    zero, step = onnx.Constant(value_int=0), onnx.Constant(value_int=1)

    def arange(end: Any) -> Any:
        return onnx.Range(zero, onnx.Squeeze(end), step)

    # Both axes at once: the exporter would fix a Reshape to the length that it assumes.
    block = arange(onnx.Mul(onnx.Shape(waveform, start=0, end=1), count))
    row = onnx.Div(block, count)
    start = onnx.Unsqueeze(onnx.Mul(onnx.Mod(block, count), hop), one)
    samples = onnx.Min(
        onnx.Add(start, arange(onnx.Add(hop, _int64(overlap)))), onnx.Sub(length, one)
    )
    places = onnx.Add(onnx.Unsqueeze(onnx.Mul(row, length), one), samples)
    return onnx.Gather(onnx.Reshape(waveform, _int64(-1)), places), row


def _onnx_join(blocks: Any, batch: Any, frames: Any) -> Any:
    batch, frames = onnx.Reshape(batch, _int64(1)), onnx.Reshape(frames, _int64(1))
    shape = onnx.Concat(batch, _int64(-1), onnx.Shape(blocks, start=2, end=3), axis=0)
    return onnx.Slice(onnx.Reshape(blocks, shape), _int64(0), frames, _int64(1))


TRANSLATION = {
    torch.ops.voxport.cut.default: _onnx_cut,
    torch.ops.voxport.join.default: _onnx_join,
}
