"""Append the transcript to an ONNX graph: tokens to text with standard string operators.

A table lookup gives each token its text, then neighbours are joined in pairs, log2(tokens)
times, in a ``Loop``. Cost on a CPU: a fraction of a millisecond for ten seconds of speech.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from voxport_export.to_onnx.tape import ints, number_outputs, squeezed

TRANSCRIPT = "transcript"  # the output's name


def append_transcript(model: ir.Model, pieces: Sequence[str]) -> None:
    """Add the output ``transcript`` (string [batch]) to a graph with the output ``tokens``.

    Args:
        model: changed in place.
        pieces: what each label adds to a transcript; padding (-1) adds nothing.
    """
    names = [value.name for value in model.graph.outputs]
    tokens, lengths = (model.graph.outputs[names.index(n)] for n in ("tokens", "token_lengths"))
    tape = Tape()
    # Negative indices count from the end, so that -1, the padding, finds the empty string.
    table = tape.op("Identity", [_strings(tape, [*pieces, ""])])
    text = tape.op("Gather", [table, tokens])  # [batch, tokens]
    nothing = tape.op("Mul", [lengths, ints(tape, 0)])
    empty = tape.op("Gather", [table, tape.op("Sub", [nothing, ints(tape, 1)])])
    empty = tape.op("Unsqueeze", [empty, ints(tape, [1])])  # [batch, 1] of ""
    # One empty column in front: a batch without any token still has text to join.
    text = tape.op("Concat", [empty, text], {"axis": 1})
    more = tape.op("Greater", [_width(tape, text), ints(tape, [1])])
    more = squeezed(tape, more)
    joined = tape.op("Loop", [None, more, text], {"body": _halve(empty)})
    transcript = tape.op("Squeeze", [joined, ints(tape, [1])])
    transcript.name = TRANSCRIPT
    transcript.dtype = ir.DataType.STRING
    transcript.shape = ir.Shape(["batch"])
    model.graph.extend(tape.nodes)
    model.graph.outputs.insert(1 + names.index("token_scores"), transcript)


def _halve(empty: ir.Value) -> ir.Graph:
    """Build the loop's body: join columns 0 and 1, 2 and 3 …; an odd last one stays alone."""
    step = ir.Value(name="step", type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]))
    go_on = ir.Value(name="go_on", type=ir.TensorType(ir.DataType.BOOL), shape=ir.Shape([]))
    text = ir.Value(
        name="text", type=ir.TensorType(ir.DataType.STRING), shape=ir.Shape(["batch", "columns"])
    )
    tape = Tape()
    padded = tape.op("Concat", [text, empty], {"axis": 1})
    end, axis, two = ints(tape, [2**31 - 1]), ints(tape, [1]), ints(tape, [2])
    left = tape.op("Slice", [text, ints(tape, [0]), end, axis, two])
    right = tape.op("Slice", [padded, ints(tape, [1]), end, axis, two])
    joined = tape.op("StringConcat", [left, right])
    again = tape.op("Greater", [_width(tape, joined), ints(tape, [1])])
    again = squeezed(tape, again)
    number_outputs(tape, "transcript_join")
    joined.type = ir.TensorType(ir.DataType.STRING)
    again.type = ir.TensorType(ir.DataType.BOOL)
    again.shape = ir.Shape([])
    joined.shape = ir.Shape(["batch", None])
    return ir.Graph([step, go_on, text], [again, joined], nodes=tape.nodes, name="halve")


def _width(tape: Tape, text: ir.Value) -> ir.Value:
    return tape.op("Shape", [text], {"start": 1, "end": 2})


def _strings(tape: Tape, value: list[str]) -> ir.Value:
    return tape.op("Constant", [], {"value_strings": value})
