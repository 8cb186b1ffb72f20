"""Make every Scan of an ONNX graph self-contained.

A body may use values of the graph around it, and torch's exporter makes such bodies. OpenVINO
counts these as inputs of the Scan and then refuses the file. Therefore constants move into the
body, and values computed outside become states, passed on unchanged by each step.

Lengths inside of a Scan are left open: torch assumes equal blocks.
"""

from __future__ import annotations

import onnx_ir as ir

_IMAGE_OPERATORS = ("Conv", "Add", "Gelu")


def close_scans(model: ir.Model) -> None:
    """Change ``model`` in place."""
    for node in list(model.graph):
        if node.op_type == "Scan":
            _close(model.graph, node)
    for value in list(model.graph.initializers.values()):
        if not value.uses() and not value.is_graph_output():
            del model.graph.initializers[str(value.name)]


def _close(graph: ir.Graph, scan: ir.Node) -> None:
    body = scan.attributes["body"].as_graph()
    _drop_lengths(body, scan)
    states: list[ir.Value] = []
    for outer in _captured_values(body):
        inner = ir.Value(name=f"{outer.name}_in_scan", type=outer.type, shape=outer.shape)
        for node in body:
            for index, value in enumerate(node.inputs):
                if value is outer:
                    node.replace_input_with(index, inner)
        if outer.const_value is not None:
            inner.const_value = outer.const_value
            body.register_initializer(inner)
        else:
            _add_state(body, inner, position=len(states))
            states.append(outer)
    closed = ir.Node(
        scan.domain,
        scan.op_type,
        [*states, *scan.inputs],
        scan.attributes.values(),
        num_outputs=len(states) + len(scan.outputs),
        name=scan.name,
    )
    for index, output in enumerate(closed.outputs):
        output.name = f"{scan.name}_{index}"
    scan_outputs = closed.outputs[len(states) :]
    for old, new in zip(scan.outputs, scan_outputs, strict=True):
        new.type, new.shape = old.type, old.shape
        for use in old.uses():
            use.node.replace_input_with(use.idx, new)
    graph.insert_before(scan, closed)
    graph.remove(scan, safe=True)


def _drop_lengths(body: ir.Graph, scan: ir.Node) -> None:
    """Leave the length of a block open in every shape.

    Images one pixel high keep their channels, and equal lengths keep one name: onnxruntime adds a
    tensor inside of a convolution only if it knows their shapes to be the same.
    """
    for node in body:
        for value in node.outputs:
            value.shape = _image_shape(value.shape) if node.op_type in _IMAGE_OPERATORS else None
    for value in (*body.inputs, *body.outputs, *scan.inputs, *scan.outputs):
        if value is not None and value.const_value is None and value.shape is not None:
            value.shape = ir.Shape([None] * len(value.shape))


def _image_shape(shape: ir.Shape | None) -> ir.Shape | None:
    """Return the shape of an image (1, C, 1, T) with a name for T; None for any other shape."""
    if shape is None or shape.rank() != 4 or (shape[0], shape[2]) != (1, 1):
        return None
    return ir.Shape([1, shape[1], 1, f"length_{shape[3]}"])


def _captured_values(body: ir.Graph) -> list[ir.Value]:
    """Return the values of the surrounding graph in a body, each once."""
    own = {*body.inputs, *body.initializers.values(), *(o for node in body for o in node.outputs)}
    used = (value for node in body for value in node.inputs if value is not None)
    return [value for value in dict.fromkeys(used) if value not in own]


def _add_state(body: ir.Graph, value: ir.Value, position: int) -> None:
    """Make ``value`` the state of the body at ``position``, unchanged from step to step."""
    same = ir.Node("", "Identity", [value])
    same.outputs[0].name = f"{value.name}_after"
    same.outputs[0].type, same.outputs[0].shape = value.type, value.shape
    body.append(same)
    body.inputs.insert(position, value)
    body.outputs.insert(position, same.outputs[0])
