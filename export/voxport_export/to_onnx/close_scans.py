"""Makes every Scan of an ONNX graph self-contained.

A body may use values of the graph around it, and torch's exporter lets it. OpenVINO counts such
values as inputs of the Scan, and then refuses the file. So constants move into the body, and what
is computed outside becomes a state that each step hands on unchanged.

The lengths of what goes through a Scan are left open: torch takes all blocks to be equally long.
"""

from __future__ import annotations

import onnx_ir as ir

_ON_IMAGES = ("Conv", "Add", "Gelu")


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
    _forget_lengths(body, scan)
    states: list[ir.Value] = []
    for outer in _captured(body):
        inner = ir.Value(name=f"{outer.name}_in_scan", type=outer.type, shape=outer.shape)
        for node in body:
            for index, value in enumerate(node.inputs):
                if value is outer:
                    node.replace_input_with(index, inner)
        if outer.const_value is not None:
            inner.const_value = outer.const_value
            body.register_initializer(inner)
        else:
            _hand_on(body, inner, place=len(states))
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


def _forget_lengths(body: ir.Graph, scan: ir.Node) -> None:
    """Leave open what torch believes to be the length of a block.

    Images one pixel high keep their channels, and lengths that are equal keep one name: onnxruntime
    adds a tensor inside of a convolution where it can tell that their shapes are the same.
    """
    for node in body:
        for value in node.outputs:
            value.shape = _named(value.shape) if node.op_type in _ON_IMAGES else None
    for value in (*body.inputs, *body.outputs, *scan.inputs, *scan.outputs):
        if value is not None and value.const_value is None and value.shape is not None:
            value.shape = ir.Shape([None] * len(value.shape))


def _named(shape: ir.Shape | None) -> ir.Shape | None:
    """The shape of an image [1, channels, 1, length], its length a name; else none."""
    if shape is None or shape.rank() != 4 or (shape[0], shape[2]) != (1, 1):
        return None
    return ir.Shape([1, shape[1], 1, f"length_{shape[3]}"])


def _captured(body: ir.Graph) -> list[ir.Value]:
    """The values of the graph around a body that it uses, each once."""
    own = {*body.inputs, *body.initializers.values(), *(o for node in body for o in node.outputs)}
    used = (value for node in body for value in node.inputs if value is not None)
    return [value for value in dict.fromkeys(used) if value not in own]


def _hand_on(body: ir.Graph, value: ir.Value, place: int) -> None:
    """Make ``value`` the state of the body at ``place``, unchanged from step to step."""
    same = ir.Node("", "Identity", [value])
    same.outputs[0].name = f"{value.name}_after"
    same.outputs[0].type, same.outputs[0].shape = value.type, value.shape
    body.append(same)
    body.inputs.insert(place, value)
    body.outputs.insert(place, same.outputs[0])
