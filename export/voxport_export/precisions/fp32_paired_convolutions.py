"""Strided convolutions on even and odd frames apart, with five sixths of the multiplications.

Of a convolution with kernel 3 and stride 2, neighbouring frames y0 and y1 are

    y0 = a·e0 + b·o0 + c·e1
    y1 = a·e1 + b·o1 + c·e2

with e and o the even and the odd frames that go in. (a + c)·e1 is in both once the differences of
neighbours take the place of the outer two (a fast FIR filter, Winograd's F(2, 2)):

    m = (a + c)·e1
    y0 = m + b·o0 + a·(e0 - e1)
    y1 = m + b·o1 + c·(e2 - e1)

Five products instead of six, and y0 and y1 are the even and the odd frames of the next layer.
Picking and subtracting are convolutions of each channel alone, with constant weights: onnxruntime
runs those on its blocks of channels as they are, so that nothing is put in another order between
the layers, and adds up the products in place. Ten seconds through a base model took 1 % less time
in onnxruntime, whose products of single frames are slower than its convolutions, and 3 % less in
OpenVINO.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.frontend import (
    ConvBlock,
    FeatureExtractor,
    Folded,
    GroupNormConvBlock,
    StridedConv,
)

Pair = tuple[Tensor, Tensor]  # the even and the odd frames, each [batch, channels, 1, time]

# Picking costs as much whatever it is for. With 48 to 192 channels that is more than is saved: the
# shipped model took 39.9 ms for ten seconds instead of 36.2.
LEAST_CHANNELS = 256


class Neighbours(nn.Module):
    """A weighted sum of a few neighbouring frames, the same for every channel."""

    weight: Tensor  # float32 [channels, 1, 1, taps]

    def __init__(self, channels: int, taps: tuple[float, ...], stride: int = 2):
        super().__init__()
        weight = torch.tensor(taps, dtype=torch.float32)
        self.register_buffer("weight", weight.repeat(channels, 1, 1, 1))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, channels, 1, time] to [batch, channels, 1, (time - taps) // stride + 1]."""
        return F.conv2d(x, self.weight, stride=(1, self.stride), groups=len(self.weight))


class Entry(nn.Module):
    """Frames with their channels last to frames with their channels first.

    The copy by a convolution is one that onnxruntime makes along with the transposition, once for
    all that read it.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.copy = Neighbours(channels, (1.0,), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, 1, time, channels] to [batch, channels, 1, time]."""
        return self.copy(x.permute(0, 3, 1, 2))


class PairedConv(nn.Module):
    """A ``StridedConv`` of kernel 3 and stride 2."""

    def __init__(self, conv: StridedConv):
        super().__init__()
        a, b, c = conv.weight.detach().split(1, dim=3)  # each [out, in, 1, 1]
        self.a, self.b, self.c = (nn.Parameter(one.contiguous()) for one in (a, b, c))
        self.ac = nn.Parameter(a + c)
        self.bias = conv.bias
        channels = conv.weight.shape[1]
        self.first, self.second = Neighbours(channels, (1, 0)), Neighbours(channels, (0, 1))
        self.fall, self.rise = Neighbours(channels, (1, -1)), Neighbours(channels, (0, -1, 1))

    def forward(self, even: Tensor, odd: Tensor) -> Pair:
        """Map two of [batch, in, 1, 2 * time + 1] to two of [batch, out, 1, time]."""
        both = F.conv2d(self.second(even), self.ac, self.bias)
        y0 = F.conv2d(self.first(odd), self.b) + (F.conv2d(self.fall(even), self.a) + both)
        y1 = F.conv2d(self.second(odd), self.b) + (F.conv2d(self.rise(even), self.c) + both)
        return y0, y1


class MergingConv(nn.Module):
    """A ``StridedConv`` of kernel 2 and stride 2: what comes out is one again."""

    def __init__(self, conv: StridedConv):
        super().__init__()
        a, b = conv.weight.detach().split(1, dim=3)
        self.a, self.b = nn.Parameter(a.contiguous()), nn.Parameter(b.contiguous())
        self.bias = conv.bias

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        """Map two of [batch, in, 1, time] to [batch, 1, time, out]."""
        y = F.conv2d(odd, self.b) + F.conv2d(even, self.a, self.bias)
        return y.permute(0, 2, 3, 1)


class PairedExtractor(FeatureExtractor):
    """A ``FeatureExtractor`` whose layers of kernel 3 are paired ones.

    Only where nothing but GELU is between them: a LayerNorm wants its channels last, and putting
    twice as many tensors in another order costs more than is saved.
    """

    def __init__(self, plain: FeatureExtractor):
        blocks = [cast("ConvBlock", block) for block in plain.blocks]
        super().__init__(plain.first, blocks)
        convs = [block.conv for block in blocks]
        count = _paired(convs)
        self.entry = Entry(convs[0].weight.shape[1])
        self.pairs = nn.ModuleList(map(PairedConv, convs[:count]))
        self.merging = MergingConv(convs[count])
        self.blocks = nn.ModuleList(blocks[count + 1 :])

    @classmethod
    def fits(cls, plain: FeatureExtractor) -> bool:
        """Whether it has such layers, and one behind them that puts even and odd together."""
        blocks = [cast("ConvBlock", block) for block in plain.blocks]
        if plain.first is None or not all(isinstance(block.norm, nn.Identity) for block in blocks):
            return False
        convs = [block.conv for block in blocks]
        channels = (conv.weight.shape[1] for conv in convs)
        return _paired(convs) > 0 and min(channels) >= LEAST_CHANNELS

    def start(self, waveform: Tensor, rows: Tensor, folded: Folded | None) -> Tensor:
        """Map waveform [n, samples] of the batch's rows [n] to [n, 1, time, C]."""
        first, known = cast("GroupNormConvBlock", self.first), cast("Folded", folded).of(rows)
        under = first.under(waveform.unsqueeze(-1), known)
        halves = (F.gelu(under[:, i::2] @ known.weight) for i in (0, 1))
        even, odd = (self.entry(x.unsqueeze(1)) for x in halves)
        for pair in self.pairs:
            even, odd = (F.gelu(x) for x in pair(even, odd))
        return F.gelu(self.merging(even, odd))

    def samples_to_start(self, frames: int) -> int:
        """How many samples ``start`` takes in to give so many frames; some are not used."""
        for _ in self.pairs:
            frames = 2 * frames + 1
        return super().samples_to_start(2 * frames)


def _paired(convs: list[StridedConv]) -> int:
    """How many layers are of kernel 3 and stride 2, if one of kernel and stride 2 follows."""
    shapes = [(conv.kernel, conv.stride) for conv in convs]
    count = next((i for i, shape in enumerate(shapes) if shape != (3, 2)), 0)
    return count if count and shapes[count] == (2, 2) else 0
