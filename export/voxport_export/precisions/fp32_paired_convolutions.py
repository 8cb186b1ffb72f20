"""Strided convolutions on even and odd frames apart, in five sixths of the multiplications.

For a convolution with kernel 3 and stride 2, neighbouring output frames y0 and y1 are

    y0 = a·e0 + b·o0 + c·e1
    y1 = a·e1 + b·o1 + c·e2

with e and o the even and the odd input frames. (a + c)·e1 is in both once the differences of
neighbours take the place of the outer two (a fast FIR filter, Winograd's F(2, 2)):

    m = (a + c)·e1
    y0 = m + b·o0 + a·(e0 - e1)
    y1 = m + b·o1 + c·(e2 - e1)

Five products instead of six, and y0 and y1 are the even and the odd frames of the next layer.
Selecting and subtracting are depthwise convolutions with constant weights: onnxruntime runs them on
its blocks of channels as they are, so no data is reordered between the layers, and it adds up the
products in place. Ten seconds through a base model took 1 % less time in onnxruntime, whose
products of single frames are slower than its convolutions, and 3 % less in OpenVINO.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.feature_extractor import ConvBlock, ConvExtractor, StridedConv
from voxport_export.graph.first_layer import FoldedWeights, GroupNormConvBlock

EvenOdd = tuple[Tensor, Tensor]  # the even and the odd frames, each (B, C, 1, T)

# The cost of selecting frames does not depend on the products. With 48 to 192 channels it is more
# than the products save: the shipped model took 39.9 ms for ten seconds instead of 36.2.
MIN_CHANNELS = 256


class DepthwiseTaps(nn.Module):
    """A depthwise convolution with the same constant taps for every channel."""

    weight: Tensor  # float32 (C, 1, 1, taps)

    def __init__(self, channels: int, taps: tuple[float, ...], stride: int = 2):
        super().__init__()
        weight = torch.tensor(taps, dtype=torch.float32)
        self.register_buffer("weight", weight.repeat(channels, 1, 1, 1))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, C, 1, T) to (B, C, 1, (T - taps) // stride + 1)."""
        return F.conv2d(x, self.weight, stride=(1, self.stride), groups=len(self.weight))


class ChannelsFirst(nn.Module):
    """A transposition from channels last to channels first.

    onnxruntime makes the copy by a convolution along with the transposition, once for all its
    readers.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.copy = DepthwiseTaps(channels, (1.0,), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, 1, T, C) to (B, C, 1, T)."""
        return self.copy(x.permute(0, 3, 1, 2))


class PairedConv(nn.Module):
    """A ``StridedConv`` of kernel 3 and stride 2 on even and odd frames."""

    def __init__(self, conv: StridedConv):
        super().__init__()
        a, b, c = conv.weight.detach().split(1, dim=3)  # each (out, in, 1, 1)
        self.a, self.b, self.c = (nn.Parameter(one.contiguous()) for one in (a, b, c))
        self.ac = nn.Parameter(a + c)
        self.bias = conv.bias
        channels = conv.weight.shape[1]
        self.first, self.second = DepthwiseTaps(channels, (1, 0)), DepthwiseTaps(channels, (0, 1))
        self.fall, self.rise = DepthwiseTaps(channels, (1, -1)), DepthwiseTaps(channels, (0, -1, 1))

    def forward(self, even: Tensor, odd: Tensor) -> EvenOdd:
        """Map even and odd, each (B, in, 1, 2 * T + 1), to two of (B, out, 1, T)."""
        both = F.conv2d(self.second(even), self.ac, self.bias)
        y0 = F.conv2d(self.first(odd), self.b) + (F.conv2d(self.fall(even), self.a) + both)
        y1 = F.conv2d(self.second(odd), self.b) + (F.conv2d(self.rise(even), self.c) + both)
        return y0, y1


class MergingConv(nn.Module):
    """A ``StridedConv`` of kernel 2 and stride 2, merging even and odd frames."""

    def __init__(self, conv: StridedConv):
        super().__init__()
        a, b = conv.weight.detach().split(1, dim=3)
        self.a, self.b = nn.Parameter(a.contiguous()), nn.Parameter(b.contiguous())
        self.bias = conv.bias

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        """Map even and odd, each (B, in, 1, T), to (B, 1, T, out)."""
        y = F.conv2d(odd, self.b) + F.conv2d(even, self.a, self.bias)
        return y.permute(0, 2, 3, 1)


class PairedExtractor(ConvExtractor):
    """A ``ConvExtractor`` whose layers of kernel 3 are paired ones.

    Only for layers without a LayerNorm: it needs channels last, and reordering twice as many
    tensors costs more than the products save.
    """

    def __init__(self, plain: ConvExtractor):
        blocks = [cast("ConvBlock", block) for block in plain.blocks]
        super().__init__(plain.first, blocks)
        convs = [block.conv for block in blocks]
        count = _count_paired(convs)
        self.entry = ChannelsFirst(convs[0].weight.shape[1])
        self.pairs = nn.ModuleList(map(PairedConv, convs[:count]))
        self.merging = MergingConv(convs[count])
        self.blocks = nn.ModuleList(blocks[count + 1 :])

    @classmethod
    def supports(cls, plain: ConvExtractor) -> bool:
        """Return True for an extractor with such layers and a merging one behind them."""
        blocks = [cast("ConvBlock", block) for block in plain.blocks]
        if plain.first is None or not all(isinstance(block.norm, nn.Identity) for block in blocks):
            return False
        convs = [block.conv for block in blocks]
        channels = (conv.weight.shape[1] for conv in convs)
        return _count_paired(convs) > 0 and min(channels) >= MIN_CHANNELS

    def run_leading_layers(
        self, waveform: Tensor, rows: Tensor, folded: FoldedWeights | None
    ) -> Tensor:
        """Map waveform (n, S) of the batch's rows (n,) to (n, 1, T, C), up to the merging layer."""
        first = cast("GroupNormConvBlock", self.first)
        own = cast("FoldedWeights", folded).select(rows)
        frames = first.centred_frames(waveform.unsqueeze(-1), own)
        halves = (F.gelu(frames[:, i::2] @ own.weight) for i in (0, 1))
        even, odd = (self.entry(x.unsqueeze(1)) for x in halves)
        for pair in self.pairs:
            even, odd = (F.gelu(x) for x in pair(even, odd))
        return F.gelu(self.merging(even, odd))

    def required_leading_samples(self, frames: int) -> int:
        """Return the number of samples for ``frames`` frames of ``run_leading_layers``.

        Some of them stay unused.
        """
        for _ in self.pairs:
            frames = 2 * frames + 1
        return super().required_leading_samples(2 * frames)


def _count_paired(convs: list[StridedConv]) -> int:
    """Count the layers of kernel 3 and stride 2; 0 unless one of kernel and stride 2 follows."""
    shapes = [(conv.kernel, conv.stride) for conv in convs]
    count = next((i for i, shape in enumerate(shapes) if shape != (3, 2)), 0)
    return count if count and shapes[count] == (2, 2) else 0
