"""Runs what is local in time over blocks that fit a CPU's cache.

A product of bytes with 8 000 rows, which streams its input and its output through memory, runs at
two thirds of the speed of one with 1 000. Convolutions of floats are as fast either way, but need
the memory: 8 clips of 10 s take 0.9 GB in blocks and 1.8 GB at once. In ONNX the blocks are the
steps of a Scan, all of one length, which ``cuts`` chooses, and each of one waveform of the batch;
they overlap by what a frame hears beyond its stride.
TorchScript, whose tracer knows no loop, and eager torch take the whole as one block; so does ONNX
for GPUs, where the steps of a loop are started one after the other, each too small to fill one.

Knows nothing of convolutions: only how many samples some frames need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan
from torch.nn import functional as F

from voxport_export.graph import block_operators
from voxport_export.graph.ramp import ramp


@dataclass(frozen=True)
class Blocks:
    """How a waveform is cut."""

    stride: int  # samples from one frame to the next
    receptive_field: int  # samples that a frame hears
    samples_for: Callable[[int], int]  # samples that a block of so many frames takes in
    at_once: bool = False  # whether the whole is one block in ONNX too

    def run(self, local: Callable[[Tensor, Tensor], Tensor], waveform: Tensor) -> Tensor:
        """Map waveform [batch, samples] to frames [batch, time, C], by ``local`` for each block.

        It is given blocks [n, samples] and int64 [n], the waveform of the batch that each is of.
        """
        frames = (waveform.shape[1] - self.receptive_field) // self.stride + 1
        batch = ramp(waveform[:, 0])
        if not torch.compiler.is_exporting():
            return local(self.whole(waveform, frames), batch)
        # The zero that these repeat is what follows a row in a batch too: int8's ranges hear it.
        ended = F.pad(waveform, (0, 1))
        if self.at_once:
            block = local(_first(ended, self.samples_for(frames)), batch)
            return block_operators.join(
                block, waveform.shape[0], frames
            )  # torch lost count of its frames
        spare = self.samples_for(1) - self.stride
        pieces, origins = block_operators.cut(ended, frames, self.stride, spare)

        def step(nothing: Tensor, block: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            piece, origin = block
            return nothing.clone(), local(piece.unsqueeze(0), origin.unsqueeze(0)).squeeze(0)

        _, outputs = scan(step, torch.zeros(1), (pieces, origins))  # [batch * count, frames, C]
        return block_operators.join(outputs, waveform.shape[0], frames)

    def whole(self, waveform: Tensor, frames: int) -> Tensor:
        """The waveform with as many samples as one block of all its frames takes in."""
        spare = self.samples_for(1) - self.receptive_field
        return F.pad(waveform, (0, spare))[:, : self.samples_for(frames)]


def _first(waveform: Tensor, count: int) -> Tensor:
    """Take ``count`` samples, the last again where there are no more.

    For the exporter of ONNX, which cannot slice to what a shape gives.
    """
    samples = torch.arange(count).clamp(max=waveform.shape[1] - 1)
    return waveform.index_select(1, samples)
