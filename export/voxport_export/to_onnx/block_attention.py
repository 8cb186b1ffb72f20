"""Compute attention over long recordings in blocks of queries, inside of an ``If``.

The scores of all queries at once are H * T**2 numbers: 430 MB for a minute of a base model, through
memory three times in every layer. In blocks of one head and some hundred queries they stay in the
cache, and memory no longer grows with the square of a recording's length. Short recordings, whose
scores fit as they are, keep the three operators they had.

Matches the pattern MatMul, Softmax, MatMul. Attention with a bias added to its scores (WavLM's
positions, float16's mask) stays as it is.

Shapes: B batch, H heads, T frames, D width of queries and keys, W width of values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from voxport.backends.contract import ATTENTION
from voxport_export.to_onnx.tape import as_scalar, axis_size, constant, name_outputs

SHORT_FRAMES = 1024  # most frames that attend all at once: 20 s
_BLOCK_QUERIES = 512  # most queries of a block

_FLOAT, _INT64, _BOOL = (
    ir.TensorType(kind) for kind in (ir.DataType.FLOAT, ir.DataType.INT64, ir.DataType.BOOL)
)


def block_attention(model: ir.Model) -> bool:
    """Change ``model`` in place; return whether every attention in it was split into blocks."""
    softmaxes = [node for node in model.graph if node.op_type == "Softmax"]
    attentions = [found for node in softmaxes if (found := _Attention.match(node))]
    for index, attention in enumerate(attentions):
        attention.split_into_blocks(f"{ATTENTION}_{index}")
    return len(attentions) == len(softmaxes)


class _Attention:
    """Nodes from queries (B, H, T, D), keys (B, H, D, T) and values (B, H, T, W) to a result."""

    def __init__(self, nodes: tuple[ir.Node, ir.Node, ir.Node], inputs: tuple[ir.Value, ...]):
        self.nodes = nodes  # MatMul, Softmax, MatMul of the graph
        self.inputs = inputs  # queries, keys, values

    @classmethod
    def match(cls, softmax: ir.Node) -> _Attention | None:
        """Match the two products around a softmax; None if anything else is between them."""
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

    def split_into_blocks(self, name: str) -> None:
        """Replace the nodes by an ``If``: all queries at once, or in blocks."""
        before, softmax, after = self.nodes
        graph, old = after.graph, after.outputs[0]
        if graph is None:
            raise ValueError(f"the node {after.name} belongs to no graph")
        tape = Tape()
        frames = axis_size(tape, self.inputs[0], 2)
        is_short = tape.op("LessOrEqual", [as_scalar(tape, frames), constant(tape, SHORT_FRAMES)])
        branches = {"then_branch": self._at_once(name), "else_branch": self._in_blocks(name)}
        result = tape.op("If", [is_short], branches)
        tape.nodes[-1].name = name
        name_outputs(tape, name)
        result.type, result.shape = old.type, old.shape
        graph.insert_before(before, tape.nodes)
        ir.convenience.replace_all_uses_with(old, result, replace_graph_outputs=True)
        graph.remove([after, softmax, before], safe=True)

    def _at_once(self, name: str) -> ir.Graph:
        """Build the branch of short recordings: the three original operators."""
        queries, keys, values = self.inputs
        tape = Tape()
        weights = tape.op("Softmax", [tape.op("MatMul", [queries, keys])], {"axis": -1})
        return _subgraph(tape, f"{name}_at_once", [], [tape.op("MatMul", [weights, values])])

    def _in_blocks(self, name: str) -> ir.Graph:
        """Build the branch of long recordings: blocks of one length, the last padded with zeros."""
        tape = Tape()
        one, zero, rest = (constant(tape, [number]) for number in (1, 0, -1))
        batch, heads, frames = (axis_size(tape, self.inputs[0], axis) for axis in range(3))
        rows = tape.op("Mul", [batch, heads])
        blocks = _ceil_divide(tape, frames, constant(tape, [_BLOCK_QUERIES]))
        each = _ceil_divide(tape, frames, blocks)
        filled = tape.op("Mul", [blocks, each])

        def reshape(x: ir.Value, *shape: ir.Value) -> ir.Value:
            return tape.op("Reshape", [x, tape.op("Concat", shape, {"axis": 0})])

        queries, keys, values = self.inputs
        before, behind = constant(tape, [0, 0, 0, 0]), tape.op("Sub", [filled, frames])
        pads = tape.op("Concat", [before, behind, zero], {"axis": 0})
        queries = tape.op("Pad", [reshape(queries, rows, frames, rest), pads])
        queries = reshape(queries, rows, blocks, each, rest)
        keys, values = reshape(keys, rows, rest, frames), reshape(values, rows, frames, rest)
        body = _head_body(name, queries, keys, values, as_scalar(tape, blocks))
        count = as_scalar(tape, rows)
        y = tape.op("Loop", [count, _true(tape)], {"body": body})  # (B * H, n, each, W)
        y = tape.op("Slice", [reshape(y, rows, filled, rest), zero, frames, one])
        return _subgraph(tape, f"{name}_in_blocks", [], [reshape(y, batch, heads, frames, rest)])


def _head_body(
    name: str, queries: ir.Value, keys: ir.Value, values: ir.Value, blocks: ir.Value
) -> ir.Graph:
    """Build the loop over heads.

    Queries are (B * H, n, each, D), keys (B * H, D, T) and values (B * H, T, W), n the number of
    blocks.
    """
    step, going = _loop_inputs(f"{name}_head")
    tape = Tape()
    own = [tape.op("Gather", [x, step], {"axis": 0}) for x in (queries, keys, values)]
    y = tape.op("Loop", [blocks, _true(tape)], {"body": _block_body(name, *own)})  # (n, each, W)
    return _subgraph(tape, f"{name}_heads", [step, going], [tape.op("Identity", [going]), y])


def _block_body(name: str, queries: ir.Value, keys: ir.Value, values: ir.Value) -> ir.Graph:
    """Build the loop over blocks: queries (n, each, D), keys (D, T) and values (T, W)."""
    step, going = _loop_inputs(f"{name}_block")
    tape = Tape()
    scores = tape.op("MatMul", [tape.op("Gather", [queries, step], {"axis": 0}), keys])
    y = tape.op("MatMul", [tape.op("Softmax", [scores], {"axis": -1}), values])
    return _subgraph(tape, f"{name}_blocks", [step, going], [tape.op("Identity", [going]), y])


def _loop_inputs(name: str) -> tuple[ir.Value, ir.Value]:
    """Return the inputs of a loop's body: the number of the step, and its condition."""
    scalar = ir.Shape([])
    step = ir.Value(name=name, type=_INT64, shape=scalar)
    return step, ir.Value(name=f"{name}_going", type=_BOOL, shape=scalar)


def _subgraph(
    tape: Tape, name: str, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]
) -> ir.Graph:
    """Build a branch or a loop's body; the last output is float32, one before it bool."""
    name_outputs(tape, name)
    for output in outputs:
        output.type = _BOOL if output is not outputs[-1] else _FLOAT
    return ir.Graph(inputs, outputs, nodes=tape.nodes, name=name)


def _ceil_divide(tape: Tape, number: ir.Value, divisor: ir.Value) -> ir.Value:
    """Return ``ceil(number / divisor)`` of two int64 (1,)."""
    spare = tape.op("Sub", [divisor, constant(tape, [1])])
    return tape.op("Div", [tape.op("Add", [number, spare]), divisor])


def _true(tape: Tape) -> ir.Value:
    """Return a loop's first condition: some tools forget an input left out at the end of a node."""
    return tape.op("Constant", [], {"value": ir.tensor(np.array(True))})
