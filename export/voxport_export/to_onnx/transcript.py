"""Append the transcript to an ONNX graph: tokens to text with standard string operators.

A table lookup gives each token its text, then neighbours are joined in pairs, log2(tokens)
times, in a ``Loop``. Cost on a CPU: a fraction of a millisecond for ten seconds of speech.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from voxport.package.word_pieces import has_word_pieces
from voxport_export.to_onnx.tape import as_scalar, axis_size, constant, name_outputs

TRANSCRIPT = "transcript"  # the output's name


def append_transcript(model: ir.Model, pieces: Sequence[str]) -> None:
    """Add the output ``transcript`` (string (B,)) to a graph with the output ``tokens``.

    Args:
        model: changed in place.
        pieces: text of each label in a transcript; padding (-1) adds nothing.
    """
    names = [value.name for value in model.graph.outputs]
    tokens, lengths = (model.graph.outputs[names.index(n)] for n in ("tokens", "token_lengths"))
    tape = Tape()
    texts = list(pieces)
    if has_word_pieces(pieces):
        tokens = _shift_first_pieces(tape, tokens, pieces)
        texts += [piece.lstrip(" ") for piece in pieces]
    # Negative indices count from the end: -1, the padding, finds the empty string.
    table = tape.op("Identity", [_string_constant(tape, [*texts, ""])])
    text = tape.op("Gather", [table, tokens])  # (B, tokens)
    zeros = tape.op("Mul", [lengths, constant(tape, 0)])
    empty = tape.op("Gather", [table, tape.op("Sub", [zeros, constant(tape, 1)])])
    empty = tape.op("Unsqueeze", [empty, constant(tape, [1])])  # (B, 1) of ""
    # One empty column in front: a batch without any token still has text to join.
    text = tape.op("Concat", [empty, text], {"axis": 1})
    more = tape.op("Greater", [axis_size(tape, text, 1), constant(tape, [1])])
    more = as_scalar(tape, more)
    joined = tape.op("Loop", [None, more, text], {"body": _join_pairs(empty)})
    transcript = tape.op("Squeeze", [joined, constant(tape, [1])])
    transcript.name = TRANSCRIPT
    transcript.dtype = ir.DataType.STRING
    transcript.shape = ir.Shape(["batch"])
    model.graph.extend(tape.nodes)
    model.graph.outputs.insert(1 + names.index("token_scores"), transcript)


def _shift_first_pieces(tape: Tape, tokens: ir.Value, pieces: Sequence[str]) -> ir.Value:
    """Add the number of labels to the first token with a text of each row.

    The second half of the table holds the pieces without their leading space.
    """
    has_text = constant(tape, [*(int(bool(piece)) for piece in pieces), 0])
    counted = tape.op("Gather", [has_text, tokens])  # (B, tokens), 0 for the padding
    number = tape.op("CumSum", [counted, constant(tape, 1)])
    is_first = tape.op(
        "Cast", [tape.op("Equal", [number, constant(tape, 1)])], {"to": ir.DataType.INT64}
    )
    first = tape.op("Mul", [counted, is_first])
    return tape.op("Add", [tokens, tape.op("Mul", [first, constant(tape, len(pieces))])])


def _join_pairs(empty: ir.Value) -> ir.Graph:
    """Build the loop's body: join columns 0 and 1, 2 and 3 …; an odd last one stays alone."""
    step = ir.Value(name="step", type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]))
    go_on = ir.Value(name="go_on", type=ir.TensorType(ir.DataType.BOOL), shape=ir.Shape([]))
    text = ir.Value(
        name="text", type=ir.TensorType(ir.DataType.STRING), shape=ir.Shape(["batch", "columns"])
    )
    tape = Tape()
    padded = tape.op("Concat", [text, empty], {"axis": 1})
    end, axis, two = constant(tape, [2**31 - 1]), constant(tape, [1]), constant(tape, [2])
    left = tape.op("Slice", [text, constant(tape, [0]), end, axis, two])
    right = tape.op("Slice", [padded, constant(tape, [1]), end, axis, two])
    joined = tape.op("StringConcat", [left, right])
    again = tape.op("Greater", [axis_size(tape, joined, 1), constant(tape, [1])])
    again = as_scalar(tape, again)
    name_outputs(tape, "transcript_join")
    joined.type = ir.TensorType(ir.DataType.STRING)
    again.type = ir.TensorType(ir.DataType.BOOL)
    again.shape = ir.Shape([])
    joined.shape = ir.Shape(["batch", None])
    return ir.Graph([step, go_on, text], [again, joined], nodes=tape.nodes, name="halve")


def _string_constant(tape: Tape, value: list[str]) -> ir.Value:
    return tape.op("Constant", [], {"value_strings": value})
