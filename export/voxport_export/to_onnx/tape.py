"""What every writer of ONNX operators onto a tape of ``onnx_ir`` needs."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape


def ints(tape: Tape, value: int | list[int]) -> ir.Value:
    """int64 constant of that shape."""
    return tape.op("Constant", [], {"value": ir.tensor(np.array(value, dtype=np.int64))})


def squeezed(tape: Tape, one: ir.Value) -> ir.Value:
    """The only element of [1] as a scalar."""
    return tape.op("Squeeze", [one, ints(tape, [0])])


def number_outputs(tape: Tape, prefix: str) -> None:
    """Number what the tape gives: the body of a loop or a branch shares the names around it."""
    for index, node in enumerate(tape.nodes):
        node.outputs[0].name = f"{prefix}_{index}"
