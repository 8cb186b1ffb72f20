"""Joins of many tensors as joins of few.

A WebGPU shader may bind eight buffers on every device, and few devices have more. onnxruntime's
``Concat`` binds one for each input and one for the result, and where that is too many it goes on
with zeros and says nothing. Elsewhere, one step or two make no difference.
"""

from __future__ import annotations

import onnx_ir as ir

MOST_INPUTS = 7


def split_joins(model: ir.Model) -> None:
    """Change ``model`` in place, the bodies of its loops included."""
    for node in list(model.graph.all_nodes()):
        while node.op_type == "Concat" and len(node.inputs) > MOST_INPUTS:
            node = _join_first(node)


def _join_first(join: ir.Node) -> ir.Node:
    """Join as many inputs as may be before `join`, which is replaced by one that has fewer."""
    graph, result = join.graph, join.outputs[0]
    if graph is None:
        raise ValueError(f"the node {join.name} belongs to no graph")
    name = f"{result.name}_of_{len(join.inputs)}"
    first = ir.node("Concat", join.inputs[:MOST_INPUTS], join.attributes, name=name)
    first.outputs[0].name = name
    first.outputs[0].type = result.type
    rest = ir.node(
        "Concat", [first.outputs[0], *join.inputs[MOST_INPUTS:]], join.attributes, name=join.name
    )
    rest.outputs[0].name, rest.outputs[0].type = result.name, result.type
    rest.outputs[0].shape = result.shape
    graph.insert_before(join, [first, rest])
    ir.convenience.replace_all_uses_with(result, rest.outputs[0], replace_graph_outputs=True)
    graph.remove(join, safe=True)
    return rest
