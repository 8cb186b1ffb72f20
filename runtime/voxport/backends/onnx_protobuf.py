"""Removal of an output from an ONNX file, with every operator of its own.

onnxruntime computes all outputs of a graph, requested or not, so an output not meant for a device
is removed before the file is opened. The runtime has no onnx: the few field numbers below are
onnx.proto's and never change.
"""

from collections.abc import Iterator

from voxport.backends.protobuf import encode_sized, read_fields, read_texts

GRAPH = 7  # of a model
NODE, OUTPUT = 1, 12  # of a graph
INPUTS, OUTPUTS, ATTRIBUTE = 1, 2, 5  # of a node
SUBGRAPH, SUBGRAPHS = 6, 11  # of an attribute
_NAME = 1  # of a graph's output


def without_output(model: bytes, name: str) -> bytes:
    """Return the model without an output.

    Raises:
        ValueError: these bytes are no model.
    """
    parts: list[bytes | memoryview] = []
    for number, content, whole in read_fields(memoryview(model)):
        parts += encode_sized(GRAPH, _prune(content, name)) if number == GRAPH else [whole]
    return b"".join(parts)


def _prune(graph: memoryview, name: str) -> list[memoryview]:
    """Return the fields of the graph still in use; nodes are in order of computation."""
    fields = list(read_fields(graph))
    outputs = [content for number, content, _ in fields if number == OUTPUT]
    needed = {text for output in outputs for text in read_texts(output, _NAME)} - {name}
    kept: list[memoryview] = []
    for number, content, whole in reversed(fields):
        if number == OUTPUT and read_texts(content, _NAME) == [name]:
            continue
        if number == NODE:
            if needed.isdisjoint(read_texts(content, OUTPUTS)):
                continue
            needed.update(_names_used(content))
        kept.append(whole)
    return kept[::-1]


def _names_used(node: memoryview) -> Iterator[str]:
    """Iterate over the inputs of a node and of its loops' nodes, possibly from outside."""
    yield from read_texts(node, INPUTS)
    for number, attribute, _ in read_fields(node):
        if number == ATTRIBUTE:
            for kind, graph, _ in read_fields(attribute):
                if kind in (SUBGRAPH, SUBGRAPHS):
                    yield from _names_used_in(graph)


def _names_used_in(graph: memoryview) -> Iterator[str]:
    for number, content, _ in read_fields(graph):
        if number == NODE:
            yield from _names_used(content)
        elif number == OUTPUT:
            yield from read_texts(content, _NAME)
