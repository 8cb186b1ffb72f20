"""Precisions below float32, one module each: the quantized parts of the graph, and the method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from voxport_export.graph.backbone import Backbone
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions import fp16, int8

# Arguments of the graph for one recording: waveform (1, S) and lengths (1,)
GraphInputs = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Precision:
    """A conversion of the float32 graph, and its intended hardware."""

    provider: str  # execution provider on which it should be faster than float32
    convert: Callable[[RecognizerGraph, Sequence[GraphInputs]], RecognizerGraph]  # in place
    # Reason against the conversion of a backbone; None: there is none
    refuse: Callable[[Backbone], str | None] = lambda _: None


LOW_PRECISIONS = {
    "int8": Precision("cpu", int8.to_int8),
    "fp16": Precision("cuda", fp16.to_fp16, fp16.refuse),
}
