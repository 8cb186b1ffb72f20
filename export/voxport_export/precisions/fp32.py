"""float32 in ONNX for CPUs: the same function in fewer multiplications and a better order.

Not for TorchScript, whose convolutions would be taken apart for nothing, nor for lower precisions:
sums and spectra of bytes need more bits than the bytes themselves.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import TypeVar, cast

from voxport_export.graph.encoder import EncoderLayer
from voxport_export.graph.features import Graph
from voxport_export.precisions.fp32_divided_feed_forward import DividedFeedForward
from voxport_export.precisions.fp32_paired_convolutions import PairedExtractor
from voxport_export.precisions.fp32_spectral_convolution import SpectralPositions

_G = TypeVar("_G", bound=Graph)


def to_fp32(graph: _G) -> _G:
    """Return a graph for a CPU over the weights of ``graph``, left unchanged."""
    graph = _copy_modules(graph)
    backbone = graph.backbone
    if PairedExtractor.supports(backbone.extractor):
        backbone.extractor = PairedExtractor(backbone.extractor)
    encoder = backbone.encoder
    if SpectralPositions.supports(encoder.positions.conv):
        encoder.add_module("positions", SpectralPositions(encoder.positions.conv))
    for layer in encoder.layers:
        whole = cast("EncoderLayer", layer).feed_forward
        layer.add_module("feed_forward", DividedFeedForward(whole))
    return graph.eval().requires_grad_(requires_grad=False)


def _copy_modules(graph: _G) -> _G:
    """Copy the modules, but share their parameters and buffers."""
    held = chain(graph.parameters(), graph.buffers())
    return copy.deepcopy(graph, memo={id(one): one for one in held})
