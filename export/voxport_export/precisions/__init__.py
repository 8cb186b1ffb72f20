"""Precisions below float32, one module each: what of the graph is kept in fewer bits, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions import fp16, int8

# The arguments of a call of the graph: waveform [1, samples] and lengths [1] of a recording
Run = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Precision:
    """How to make a graph of fewer bits, and what it is for."""

    provider: str  # where it is meant to be faster than float32: what `--provider` takes
    convert: Callable[[RecognizerGraph, Sequence[Run]], RecognizerGraph]  # in place


LOWER = {
    "int8": Precision("cpu", int8.to_int8),
    "fp16": Precision("cuda", fp16.to_fp16),
}
