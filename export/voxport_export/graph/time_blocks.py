"""Blocks of time sized for a CPU's cache, for functions local in time.

A product of bytes with 8 000 rows, which streams its input and its output through memory, runs at
two thirds of the speed of one with 1 000. Convolutions of floats are as fast either way, but need
the memory: 8 clips of 10 s take 0.9 GB in blocks and 1.8 GB at once. In ONNX the blocks are the
steps of a Scan, all of one length chosen by ``block_operators``, each of one row of the batch; they
overlap by a frame's receptive field beyond its stride.

TorchScript, whose tracer knows no loop, and eager torch take the whole as one block. So does ONNX
for GPUs: the steps of a loop start one after the other, each too small to fill one.

Knows nothing of convolutions, only how many samples a number of frames needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan
from torch.nn import functional as F

from voxport_export.graph import block_operators
from voxport_export.graph.tracing import arange_like


@dataclass(frozen=True)
class TimeBlocks:
    """A division of waveforms into blocks of frames."""

    stride: int  # samples from one frame to the next
    receptive_field: int  # samples under a frame
    required_samples: Callable[[int], int]  # samples of a block, from its number of frames
    is_one_block: bool = False  # True runs the whole as one block in ONNX too

    def run(self, function: Callable[[Tensor, Tensor], Tensor], waveform: Tensor) -> Tensor:
        """Map waveform (B, S) to frames (B, T, C), block by block.

        Args:
            function: maps blocks (n, samples) and int64 (n,), each block's row of the batch, to
                frames (n, frames, C).
            waveform: float32 (B, S).
        """
        frames = (waveform.shape[1] - self.receptive_field) // self.stride + 1
        rows = arange_like(waveform[:, 0])
        if not torch.compiler.is_exporting():
            return function(self._fit_one_block(waveform, frames), rows)
        # The last blocks repeat this zero. In a batch zeros follow a row too, and int8 takes a
        # range over all samples of a block.
        ended = F.pad(waveform, (0, 1))
        if self.is_one_block:
            block = function(_take_samples(ended, self.required_samples(frames)), rows)
            # torch no longer knows the number of frames here
            return block_operators.join_blocks(block, waveform.shape[0], frames)
        overlap = self.required_samples(1) - self.stride
        pieces, origins = block_operators.cut_blocks(ended, frames, self.stride, overlap)

        def step(carry: Tensor, block: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            piece, origin = block
            return carry.clone(), function(piece.unsqueeze(0), origin.unsqueeze(0)).squeeze(0)

        _, outputs = scan(step, torch.zeros(1), (pieces, origins))  # (B * count, frames, C)
        return block_operators.join_blocks(outputs, waveform.shape[0], frames)

    def _fit_one_block(self, waveform: Tensor, frames: int) -> Tensor:
        """Pad or cut a waveform to the samples of one block of all its frames."""
        spare = self.required_samples(1) - self.receptive_field
        return F.pad(waveform, (0, spare))[:, : self.required_samples(frames)]


def _take_samples(waveform: Tensor, count: int) -> Tensor:
    """Take the first ``count`` samples, repeating the last one past the end.

    torch's ONNX exporter cannot slice to a length computed from a shape.
    """
    samples = torch.arange(count).clamp(max=waveform.shape[1] - 1)
    return waveform.index_select(1, samples)
