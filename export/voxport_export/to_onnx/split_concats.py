"""Split every ``Concat`` of many tensors into ones of at most seven inputs.

A WebGPU shader may bind eight buffers on every device, and few devices have more. onnxruntime's
``Concat`` binds one for each input and one for the result; with too many it silently continues with
zeros. On other devices one step or two make no difference.
"""

from __future__ import annotations

import onnx_ir as ir

MAX_INPUTS = 7


def split_concats(model: ir.Model) -> None:
    """Change ``model`` in place, the bodies of its loops included."""
    for node in list(model.graph.all_nodes()):
        while node.op_type == "Concat" and len(node.inputs) > MAX_INPUTS:
            node = _split_first_inputs(node)


def _split_first_inputs(concat: ir.Node) -> ir.Node:
    """Move the first inputs of ``concat`` to a node of their own; return its replacement."""
    graph, result = concat.graph, concat.outputs[0]
    if graph is None:
        raise ValueError(f"the node {concat.name} belongs to no graph")
    name = f"{result.name}_of_{len(concat.inputs)}"
    first = ir.node("Concat", concat.inputs[:MAX_INPUTS], concat.attributes, name=name)
    first.outputs[0].name = name
    first.outputs[0].type = result.type
    rest = ir.node(
        "Concat",
        [first.outputs[0], *concat.inputs[MAX_INPUTS:]],
        concat.attributes,
        name=concat.name,
    )
    rest.outputs[0].name, rest.outputs[0].type = result.name, result.type
    rest.outputs[0].shape = result.shape
    graph.insert_before(concat, [first, rest])
    ir.convenience.replace_all_uses_with(result, rest.outputs[0], replace_graph_outputs=True)
    graph.remove(concat, safe=True)
    return rest
