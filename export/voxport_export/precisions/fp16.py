"""fp16: half of the bytes, and the tensor cores of a GPU.

Inputs and outputs stay float32, and so do the statistics of the front end, its first layer, the
inside of every normalisation, the softmax with its mask, and the head: float16 ends at 65504,
which squares of activations pass and a masked score has to. The convolutions run as products, for
which no algorithm is looked for at a new length, and over all frames at once: their blocks of time
are for the caches of a CPU.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar, cast

from torch import Tensor, nn

from voxport_export.graph.frontend import ConvBlock
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions.strided_product import ProductConv

_M = TypeVar("_M", bound=nn.Module)


def to_fp16(graph: RecognizerGraph, runs: Sequence[tuple[Tensor, Tensor]]) -> RecognizerGraph:  # noqa: ARG001
    """Make ``graph`` float16, in place; return it. Needs no recordings to calibrate on.

    Args:
        graph: its weights may be shared with another model: they are not changed.
        runs: not used.
    """
    extractor = graph.backbone.extractor
    extractor.at_once = True
    graph.backbone.encoder = _halved(graph.backbone.encoder)
    first = 0 if extractor.first is not None else 1  # of the blocks that start from features
    blocks = [cast("ConvBlock", block) for block in extractor.blocks[first:]]
    for block in blocks:
        block.add_module("conv", ProductConv(block.conv))
    extractor.blocks = nn.ModuleList([*extractor.blocks[:first], *map(_halved, blocks)])
    start = extractor.blocks[0] if extractor.first is None else extractor.first
    start.register_forward_hook(lambda _, __, y: y.half())
    graph.head = cast("nn.Linear", Widened(graph.head))
    return graph


def _halved(module: _M) -> _M:
    """A copy with float16 weights, but for those of its normalisations."""
    half = copy.deepcopy(module)
    for part in list(half.modules()):
        if not isinstance(part, nn.LayerNorm):
            for name, weight in list(part.named_parameters(recurse=False)):
                setattr(part, name, nn.Parameter(weight.detach().half(), requires_grad=False))
        for name, child in list(part.named_children()):
            if isinstance(child, nn.LayerNorm):
                setattr(part, name, Widened(child))
    return half


class Widened(nn.Module):
    """A float32 layer among float16 ones."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Map float16 to float16, by way of float32; the last layer's stays float32."""
        y = self.layer(x.float())
        return y if isinstance(self.layer, nn.Linear) else y.to(x.dtype)
