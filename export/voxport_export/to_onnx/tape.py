"""Small ONNX operators, shared by the writers of ``onnx_ir`` tapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import DTypeLike
from onnx_ir.tape import Tape


def constant(tape: Tape, value: float | Sequence[float], dtype: DTypeLike = np.int64) -> ir.Value:
    """Put a constant on the tape, of the shape of ``value``."""
    return tape.op("Constant", [], {"value": ir.tensor(np.array(value, dtype=dtype))})


def axis_size(tape: Tape, value: ir.Value, axis: int) -> ir.Value:
    """Return the size of one axis: int64 (1,)."""
    return tape.op("Shape", [value], {"start": axis, "end": axis + 1})


def as_scalar(tape: Tape, value: ir.Value) -> ir.Value:
    """Return the only element of (1,) as a scalar."""
    return tape.op("Squeeze", [value, constant(tape, [0])])


def arange(tape: Tape, end: ir.Value) -> ir.Value:
    """Return ``0, 1, … end - 1``, int64, for ``end`` int64 (1,)."""
    zero, one = constant(tape, 0), constant(tape, 1)
    return tape.op("Range", [zero, tape.op("Squeeze", [end]), one])


def name_outputs(tape: Tape, prefix: str) -> None:
    """Name the first output of each node ``prefix_0``, ``prefix_1`` …

    The body of a loop or a branch shares its names with the graph around it, so each needs a prefix
    of its own.
    """
    for index, node in enumerate(tape.nodes):
        node.outputs[0].name = f"{prefix}_{index}"
