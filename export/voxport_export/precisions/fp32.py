"""float32 in ONNX for CPUs: the same function in fewer multiplications and a better order.

Not for TorchScript, whose convolutions would be taken apart for nothing, nor for lower precisions:
sums and spectra of bytes need more bits than the bytes themselves.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import TypeVar

from torch import nn

from voxport_export.graph.encoder import PositionalConv
from voxport_export.graph.feature_extractor import ConvExtractor
from voxport_export.graph.features import Graph
from voxport_export.graph.feed_forward import FeedForward
from voxport_export.precisions.fp32_divided_feed_forward import DividedFeedForward
from voxport_export.precisions.fp32_paired_convolutions import PairedExtractor
from voxport_export.precisions.fp32_spectral_convolution import SpectralPositions

_G = TypeVar("_G", bound=Graph)


def to_fp32(graph: _G) -> _G:
    """Return a graph for a CPU over the weights of ``graph``, left unchanged."""
    graph = _copy_modules(graph)
    for parent in list(graph.backbone.modules()):
        for name, module in list(parent.named_children()):
            if (faster := _faster(module)) is not None:
                parent.add_module(name, faster)
    return graph.eval().requires_grad_(requires_grad=False)


def _faster(module: nn.Module) -> nn.Module | None:
    """Return the same function in another form; None if the module stays as it is."""
    if isinstance(module, ConvExtractor) and PairedExtractor.supports(module):
        return PairedExtractor(module)
    if isinstance(module, PositionalConv) and SpectralPositions.supports(module.conv):
        return SpectralPositions(module.conv)
    return DividedFeedForward(module) if isinstance(module, FeedForward) else None


def _copy_modules(graph: _G) -> _G:
    """Copy the modules, but share their parameters and buffers."""
    held = chain(graph.parameters(), graph.buffers())
    return copy.deepcopy(graph, memo={id(one): one for one in held})
