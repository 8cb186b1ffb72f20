"""Attention over long recordings in blocks of queries, as an ``If`` around what is there.

The scores of all queries at once are heads * frames**2 numbers: 430 MB for a minute of a base
model, which go through memory three times in every layer. In blocks of one head and some hundred
queries they stay in the cache, and what a recording needs no longer grows with the square of its
length. Short ones, whose scores fit as they are, keep the three operators they had.

Finds those by what they are: a Softmax between two products. Where something is added to the
scores (WavLM's positions, float16's mask) all stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from voxport.backends.contract import ATTENTION
from voxport_export.to_onnx.tape import ints, number_outputs, squeezed

SHORT = 1024  # frames that attend all at once, at the most: 20 s
_BLOCK = 512  # queries, at the most

_FLOAT, _INT64, _BOOL = (
    ir.TensorType(kind) for kind in (ir.DataType.FLOAT, ir.DataType.INT64, ir.DataType.BOOL)
)


def block_attention(model: ir.Model) -> bool:
    """Change ``model`` in place; return whether no scores of a whole recording are left in it."""
    softmaxes = [node for node in model.graph if node.op_type == "Softmax"]
    attentions = [found for node in softmaxes if (found := _Attention.around(node))]
    for index, attention in enumerate(attentions):
        attention.divide(f"{ATTENTION}_{index}")
    return len(attentions) == len(softmaxes)


class _Attention:
    """Queries [B, H, T, D], keys [B, H, D, T] and values [B, H, T, W] to [B, H, T, W]."""

    def __init__(self, nodes: tuple[ir.Node, ir.Node, ir.Node], inputs: tuple[ir.Value, ...]):
        self.nodes = nodes  # that there are
        self.inputs = inputs  # queries, keys, values

    @classmethod
    def around(cls, softmax: ir.Node) -> _Attention | None:
        """Find what is around a softmax, if that is all there is."""
        (scores,) = softmax.inputs
        uses = list(softmax.outputs[0].uses())
        if scores is None or len(scores.uses()) != 1 or len(uses) != 1:
            return None
        before, after = scores.producer(), uses[0].node
        if before is None or {before.op_type, after.op_type} != {"MatMul"} or uses[0].idx != 0:
            return None
        if softmax.attributes.get_int("axis", -1) not in (-1, 3):
            return None
        (queries, keys), (_, values) = before.inputs, after.inputs
        if queries is None or keys is None or values is None:
            return None
        return cls((before, softmax, after), (queries, keys, values))

    def divide(self, name: str) -> None:
        """Put an If in place of the nodes."""
        before, softmax, after = self.nodes
        graph, old = after.graph, after.outputs[0]
        if graph is None:
            raise ValueError(f"the node {after.name} belongs to no graph")
        tape = Tape()
        frames = tape.op("Shape", [self.inputs[0]], {"start": 2, "end": 3})
        is_short = tape.op("LessOrEqual", [squeezed(tape, frames), ints(tape, SHORT)])
        branches = {"then_branch": self._at_once(name), "else_branch": self._in_blocks(name)}
        result = tape.op("If", [is_short], branches)
        tape.nodes[-1].name = name
        number_outputs(tape, name)
        result.type, result.shape = old.type, old.shape
        graph.insert_before(before, tape.nodes)
        ir.convenience.replace_all_uses_with(old, result, replace_graph_outputs=True)
        graph.remove([after, softmax, before], safe=True)

    def _at_once(self, name: str) -> ir.Graph:
        queries, keys, values = self.inputs
        tape = Tape()
        weights = tape.op("Softmax", [tape.op("MatMul", [queries, keys])], {"axis": -1})
        return _body(tape, f"{name}_at_once", [], [tape.op("MatMul", [weights, values])])

    def _in_blocks(self, name: str) -> ir.Graph:
        """Queries in blocks of one length, the last filled up with zeros, which are cut again."""
        tape = Tape()
        one, zero, rest = (ints(tape, [number]) for number in (1, 0, -1))
        axes = [{"start": axis, "end": axis + 1} for axis in range(3)]
        batch, heads, frames = (tape.op("Shape", [self.inputs[0]], axis) for axis in axes)
        rows = tape.op("Mul", [batch, heads])
        blocks = _ceiling(tape, frames, ints(tape, [_BLOCK]))
        each = _ceiling(tape, frames, blocks)
        filled = tape.op("Mul", [blocks, each])

        def shaped(x: ir.Value, *shape: ir.Value) -> ir.Value:
            return tape.op("Reshape", [x, tape.op("Concat", shape, {"axis": 0})])

        queries, keys, values = self.inputs
        before, behind = ints(tape, [0, 0, 0, 0]), tape.op("Sub", [filled, frames])
        pads = tape.op("Concat", [before, behind, zero], {"axis": 0})
        queries = tape.op("Pad", [shaped(queries, rows, frames, rest), pads])
        queries = shaped(queries, rows, blocks, each, rest)
        keys, values = shaped(keys, rows, rest, frames), shaped(values, rows, frames, rest)
        body = _each_head(name, queries, keys, values, squeezed(tape, blocks))
        count = squeezed(tape, rows)
        y = tape.op("Loop", [count, _true(tape)], {"body": body})  # [rows, n, each, W]
        y = tape.op("Slice", [shaped(y, rows, filled, rest), zero, frames, one])
        return _body(tape, f"{name}_in_blocks", [], [shaped(y, batch, heads, frames, rest)])


def _each_head(
    name: str, queries: ir.Value, keys: ir.Value, values: ir.Value, blocks: ir.Value
) -> ir.Graph:
    """The body over heads: queries [rows, n, each, D], keys [rows, D, T], values [rows, T, W]."""
    step, going = _steps(f"{name}_head")
    tape = Tape()
    own = [tape.op("Gather", [x, step], {"axis": 0}) for x in (queries, keys, values)]
    y = tape.op("Loop", [blocks, _true(tape)], {"body": _each_block(name, *own)})  # [n, each, W]
    return _body(tape, f"{name}_heads", [step, going], [tape.op("Identity", [going]), y])


def _each_block(name: str, queries: ir.Value, keys: ir.Value, values: ir.Value) -> ir.Graph:
    """The body over blocks: queries [n, each, D], keys [D, T] and values [T, W]."""
    step, going = _steps(f"{name}_block")
    tape = Tape()
    scores = tape.op("MatMul", [tape.op("Gather", [queries, step], {"axis": 0}), keys])
    y = tape.op("MatMul", [tape.op("Softmax", [scores], {"axis": -1}), values])
    return _body(tape, f"{name}_blocks", [step, going], [tape.op("Identity", [going]), y])


def _steps(name: str) -> tuple[ir.Value, ir.Value]:
    """What a loop hands to its body: the number of the step, and whether it goes on."""
    scalar = ir.Shape([])
    step = ir.Value(name=name, type=_INT64, shape=scalar)
    return step, ir.Value(name=f"{name}_going", type=_BOOL, shape=scalar)


def _body(
    tape: Tape, name: str, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]
) -> ir.Graph:
    """A branch, or the body of a loop; the last output is of floats, one before it of truth."""
    number_outputs(tape, name)
    for output in outputs:
        output.type = _BOOL if output is not outputs[-1] else _FLOAT
    return ir.Graph(inputs, outputs, nodes=tape.nodes, name=name)


def _ceiling(tape: Tape, number: ir.Value, divisor: ir.Value) -> ir.Value:
    """How often a divisor fits into a number, begun ones counted."""
    spare = tape.op("Sub", [divisor, ints(tape, [1])])
    return tape.op("Div", [tape.op("Add", [number, spare]), divisor])


def _true(tape: Tape) -> ir.Value:
    """That a loop begins: what is left out at the end of a node is forgotten by some tools."""
    return tape.op("Constant", [], {"value": ir.tensor(np.array(True))})
