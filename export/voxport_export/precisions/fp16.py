"""float16: half of the bytes, and a GPU's tensor cores.

Float32 remain the inputs and outputs, the statistics of the front end, its first layer, the inside
of every normalisation, the softmax with its mask, and the head: float16 ends at 65504, which
squares of activations exceed and a masked score has to. The convolutions run as products, without a
search for an algorithm at a new length, and over all frames at once: blocks of time are for the
caches of a CPU.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar, cast

from torch import Tensor, nn

from voxport_export.graph.backbone import Backbone
from voxport_export.graph.conv_backbone import ConvBackbone
from voxport_export.graph.encoder import Encoder
from voxport_export.graph.feature_extractor import ConvBlock
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions.strided_product import ProductConv

_M = TypeVar("_M", bound=nn.Module)


def refuse(backbone: Backbone) -> str | None:
    """Return the reason why a backbone stays float32; None: there is none."""
    is_known = isinstance(backbone, ConvBackbone) and isinstance(backbone.encoder, Encoder)
    if is_known and backbone.adapter is None:
        return None
    return (
        "fp16 is written for convolutions and a transformer of Wav2Vec2's shape only; leave "
        "--precision fp16 out"
    )


def to_fp16(graph: RecognizerGraph, runs: Sequence[tuple[Tensor, Tensor]]) -> RecognizerGraph:  # noqa: ARG001
    """Make ``graph`` float16, in place; return it. Needs no recordings to calibrate on.

    Args:
        graph: its weights may be shared with another model: they are not changed.
        runs: not used.
    """
    backbone = cast("ConvBackbone", graph.backbone)
    extractor = backbone.extractor
    extractor.is_one_block = True
    backbone.encoder = _halve_weights(backbone.encoder)
    first = 0 if extractor.first is not None else 1  # of the blocks on features
    blocks = [cast("ConvBlock", block) for block in extractor.blocks[first:]]
    for block in blocks:
        block.add_module("conv", ProductConv(block.conv))
    extractor.blocks = nn.ModuleList([*extractor.blocks[:first], *map(_halve_weights, blocks)])
    start = extractor.blocks[0] if extractor.first is None else extractor.first
    start.register_forward_hook(lambda _, __, y: y.half())
    graph.head = cast("nn.Linear", Float32Layer(graph.head))
    return graph


def _halve_weights(module: _M) -> _M:
    """Return a copy with float16 weights, except in its normalisations."""
    half = copy.deepcopy(module)
    for part in list(half.modules()):
        if not isinstance(part, nn.LayerNorm):
            for name, weight in list(part.named_parameters(recurse=False)):
                setattr(part, name, nn.Parameter(weight.detach().half(), requires_grad=False))
        for name, child in list(part.named_children()):
            if isinstance(child, nn.LayerNorm):
                setattr(part, name, Float32Layer(child))
    return half


class Float32Layer(nn.Module):
    """A float32 layer among float16 ones."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Map float16 (..., D) to float16; a linear layer, the head, returns float32."""
        y = self.layer(x.float())
        return y if isinstance(self.layer, nn.Linear) else y.to(x.dtype)
