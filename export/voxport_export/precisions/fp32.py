"""float32 in ONNX, for CPUs: the same function with fewer multiplications, and in better order.

Not for TorchScript, whose convolutions would be taken apart for nothing, nor for fewer bits: sums
and spectra of bytes need more bits than what they are made of.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import TypeVar, cast

from voxport_export.graph import Graph
from voxport_export.graph.encoder import EncoderLayer
from voxport_export.graph.feed_forward import DividedFeedForward
from voxport_export.precisions.fp32_paired_convolutions import PairedExtractor
from voxport_export.precisions.fp32_spectral_convolution import SpectralPositions

_G = TypeVar("_G", bound=Graph)


def to_fp32(graph: _G) -> _G:
    """A graph with the weights of ``graph``, which stays as it is, for a CPU."""
    graph = _same_weights(graph)
    backbone = graph.backbone
    if PairedExtractor.fits(backbone.extractor):
        backbone.extractor = PairedExtractor(backbone.extractor)
    encoder = backbone.encoder
    if SpectralPositions.fits(encoder.positions.conv):
        encoder.add_module("positions", SpectralPositions(encoder.positions.conv))
    for layer in encoder.layers:
        whole = cast("EncoderLayer", layer).feed_forward
        layer.add_module("feed_forward", DividedFeedForward(whole))
    return graph.eval().requires_grad_(requires_grad=False)


def _same_weights(graph: _G) -> _G:
    """A copy of the modules, but not of what they hold."""
    held = chain(graph.parameters(), graph.buffers())
    return copy.deepcopy(graph, memo={id(one): one for one in held})
