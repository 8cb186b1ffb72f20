"""Runs what is local in time over blocks that fit a CPU's cache.

A product of 16 000 rows streams its input and its output through memory many times: on a CPU it
runs at three quarters of the speed of one of 1 500 rows, and the copies between products at a
fraction. In ONNX the blocks are the steps of a Scan, all of one length; they overlap by what a
frame hears beyond its stride.
TorchScript, whose tracer knows no loop, and eager torch take the whole as one block.

Knows nothing of convolutions: only how many samples some frames need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan
from torch.nn import functional as F

# Of a block: half a second of speech, and a little more, as one second with what is appended to it
# has 51. 50 and 100 are as fast within the noise, and waste more of a short recording.
FRAMES = 26


@dataclass(frozen=True)
class Blocks:
    """How a waveform is cut."""

    stride: int  # samples from one frame to the next
    receptive_field: int  # samples that a frame hears
    samples_for: Callable[[int], int]  # samples that a block of so many frames takes in

    def run(self, local: Callable[[Tensor], Tensor], waveform: Tensor) -> Tensor:
        """Map waveform [batch, samples] to frames [batch, time, C], by ``local`` for each block.

        ``time`` may be more frames than the waveform has; those hold no meaning.
        """
        frames = (waveform.shape[1] - self.receptive_field) // self.stride + 1
        if not torch.compiler.is_exporting():
            return local(self.whole(waveform, frames))
        pieces = self.pieces(waveform, (frames + FRAMES - 1) // FRAMES)

        def step(nothing: Tensor, piece: Tensor) -> tuple[Tensor, Tensor]:
            return nothing.clone(), local(piece)

        _, outputs = scan(step, torch.zeros(1), pieces)  # [count, batch, frames, C]
        return outputs.transpose(0, 1).flatten(1, 2)

    def whole(self, waveform: Tensor, frames: int) -> Tensor:
        """The waveform with as many samples as one block of all its frames takes in."""
        spare = self.samples_for(1) - self.receptive_field
        return F.pad(waveform, (0, spare))[:, : self.samples_for(frames)]

    def pieces(self, waveform: Tensor, count: int) -> Tensor:
        """Cut waveform [batch, samples] to [count, batch, samples_for(FRAMES)].

        What would lie past its end repeats its last sample.
        """
        starts = torch.arange(count) * (FRAMES * self.stride)
        samples = starts.unsqueeze(1) + torch.arange(self.samples_for(FRAMES))
        return waveform[:, samples.clamp(max=waveform.shape[1] - 1)].transpose(0, 1)
