"""The feed-forward layer, in parts that a cache holds.

A cache keeps a line in one of a few places that its address decides. Where the rows of a product's
input begin a multiple of 4096 bytes apart, they all want the same places and drive each other out:
with 3072 or 4096 inner channels of float32 a product runs at three quarters of its speed. In parts
of at most 832 channels it does not, each part goes into its second product while the cache still
has it, and the sums cost less than that saves: for 10 s of audio, the feed-forward layers of a base
model took 156 ms instead of 179 in onnxruntime, and 151 instead of 169 in OpenVINO.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.linear import linear

# Channels of a part at the most, and what their number is a multiple of but for the last part's.
_WIDEST, _STEP = 832, 64


class FeedForward(nn.Module):
    """A linear layer, GELU, and another linear layer."""

    def __init__(self, intermediate: nn.Linear, output: nn.Linear):
        super().__init__()
        self.intermediate, self.output = intermediate, output

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., D] to the same shape."""
        return self.output(F.gelu(self.intermediate(x)))


class DividedFeedForward(nn.Module):
    """The same, as the sum of what each part of the inner channels gives."""

    def __init__(self, whole: FeedForward):
        super().__init__()
        self.parts = nn.ModuleList(
            _part(whole, slice(start, end), is_first=start == 0)
            for start, end in pairwise(bounds(whole.intermediate.out_features))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., D] to the same shape."""
        first, *others = self.parts
        y = first(x)
        for part in others:
            y = y + part(x)
        return y


def bounds(channels: int) -> list[int]:
    """Where parts of about the same width begin, and where the last one ends."""
    count = -(-channels // _WIDEST)
    width = -(-channels // (count * _STEP)) * _STEP
    return [*range(0, channels, width), channels]


def _part(whole: FeedForward, inner: slice, is_first: bool) -> FeedForward:
    """Some of the inner channels; the first part has the bias of all."""
    intermediate, output = whole.intermediate, whole.output
    return FeedForward(
        linear(intermediate.weight[inner], intermediate.bias[inner]),
        linear(output.weight[:, inner], output.bias if is_first else None),
    )
