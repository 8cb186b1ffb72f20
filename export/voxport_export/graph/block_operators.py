"""How a waveform is cut into blocks of one length and put together again, as ONNX operators.

The length of the blocks follows from the waveform's: what torch's exporter cannot say of the steps
of a loop. So to torch they all have ``FRAMES`` frames; the file has them as short as their number
allows. ``TRANSLATION`` is for ``torch.onnx.export(custom_translation_table=…)``.
"""

from __future__ import annotations

from typing import Any

import torch
from onnxscript import opset20
from torch import Tensor

from voxport.backends.contract import BLOCK_FRAMES, MOST_FRAMES

onnx: Any = opset20  # its functions are typed as those of tensors, not of what a translation has

# Of a block at the most: a second of speech, and a little more.
FRAMES = 52


@torch.library.custom_op("voxport::cut", mutates_args=())
def cut(waveform: Tensor, frames: int, stride: int, overlap: int) -> tuple[Tensor, Tensor]:
    """Cut waveform [batch, samples] into blocks; what would lie past its end repeats its last.

    Args:
        waveform: [batch, samples].
        frames: of the waveform, at least one.
        stride: samples from one frame to the next.
        overlap: samples that a block takes in beyond ``stride`` for each of its frames.

    Returns:
        The blocks [batch * count, samples of a block], and int64 [batch * count], the row of each.
    """
    count = -(-frames // FRAMES)
    each = -(-frames // count) * stride
    samples = torch.arange(count).unsqueeze(1) * each + torch.arange(each + overlap)
    blocks = waveform[:, samples.clamp(max=waveform.shape[1] - 1)]
    return blocks.flatten(0, 1), torch.arange(len(waveform)).repeat_interleave(count)


@cut.register_fake
def _(waveform: Tensor, frames: int, stride: int, overlap: int) -> tuple[Tensor, Tensor]:
    count = waveform.shape[0] * ((frames + FRAMES - 1) // FRAMES)
    blocks = waveform.new_empty(count, FRAMES * stride + overlap)
    return blocks, waveform.new_empty(count, dtype=torch.int64)


@torch.library.custom_op("voxport::join", mutates_args=())
def join(blocks: Tensor, batch: int, frames: int) -> Tensor:
    """Map blocks [batch * count, frames of a block, C] to [batch, frames, C], the first of each."""
    return blocks.reshape(batch, -1, blocks.shape[-1])[:, :frames].clone()


@join.register_fake
def _(blocks: Tensor, batch: int, frames: int) -> Tensor:
    return blocks.new_empty(batch, frames, blocks.shape[-1])


def _number(value: int) -> Any:
    return onnx.Constant(value_ints=[value])


def _onnx_cut(waveform: Any, frames: Any, stride: int, overlap: int) -> Any:
    one, most = _number(1), _number(FRAMES)
    most.name = MOST_FRAMES
    length = onnx.Shape(waveform, start=1, end=2)
    frames = onnx.Reshape(frames, one)
    # In an order that leaves `most` where a runtime finds it.
    count = onnx.Div(onnx.Sub(onnx.Add(frames, most), one), most)
    each = onnx.Div(onnx.Sub(onnx.Add(frames, count), one), count)
    each.name = BLOCK_FRAMES
    hop = onnx.Mul(each, _number(stride))
    zero, step = onnx.Constant(value_int=0), onnx.Constant(value_int=1)

    def ramp(end: Any) -> Any:
        return onnx.Range(zero, onnx.Squeeze(end), step)

    # Both axes at once: a Reshape the exporter would fix to the length that it believes in.
    block = ramp(onnx.Mul(onnx.Shape(waveform, start=0, end=1), count))
    row = onnx.Div(block, count)
    start = onnx.Unsqueeze(onnx.Mul(onnx.Mod(block, count), hop), one)
    samples = onnx.Min(
        onnx.Add(start, ramp(onnx.Add(hop, _number(overlap)))), onnx.Sub(length, one)
    )
    places = onnx.Add(onnx.Unsqueeze(onnx.Mul(row, length), one), samples)
    return onnx.Gather(onnx.Reshape(waveform, _number(-1)), places), row


def _onnx_join(blocks: Any, batch: Any, frames: Any) -> Any:
    batch, frames = onnx.Reshape(batch, _number(1)), onnx.Reshape(frames, _number(1))
    shape = onnx.Concat(batch, _number(-1), onnx.Shape(blocks, start=2, end=3), axis=0)
    return onnx.Slice(onnx.Reshape(blocks, shape), _number(0), frames, _number(1))


TRANSLATION = {
    torch.ops.voxport.cut.default: _onnx_cut,
    torch.ops.voxport.join.default: _onnx_join,
}
