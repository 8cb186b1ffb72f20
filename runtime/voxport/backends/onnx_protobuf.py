"""Takes an output out of an ONNX file, and every operator that only it needs.

onnxruntime computes all outputs of a graph, asked for or not, so what a device should not compute
has to be gone before the file is opened. The runtime has no onnx: this reads protobuf's wire
format, of which it needs the few field numbers below (onnx.proto; they never change).
"""

from collections.abc import Iterator

_GRAPH = 7  # of a model
_NODE, _OUTPUT = 1, 12  # of a graph
_INPUTS, _OUTPUTS, _ATTRIBUTE = 1, 2, 5  # of a node
_SUBGRAPH, _SUBGRAPHS = 6, 11  # of an attribute
_NAME = 1  # of a graph's output

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5  # wire types


def without_output(model: bytes, name: str) -> bytes:
    """The model without that output; a ValueError where these bytes are no model."""
    parts: list[bytes | memoryview] = []
    for number, content, whole in _fields(memoryview(model)):
        if number != _GRAPH:
            parts.append(whole)
            continue
        graph = _pruned(content, name)
        size = sum(map(len, graph))
        parts += [_encoded(_GRAPH << 3 | _SIZED), _encoded(size), *graph]
    return b"".join(parts)


def _pruned(graph: memoryview, name: str) -> list[memoryview]:
    """The fields of the graph that are still needed; nodes stand in the order of computation."""
    fields = list(_fields(graph))
    needed = {text for kind, item, _ in fields if kind == _OUTPUT for text in _texts(item, _NAME)}
    needed.discard(name)
    kept: list[memoryview] = []
    for number, content, whole in reversed(fields):
        if number == _OUTPUT and _texts(content, _NAME) == [name]:
            continue
        if number == _NODE:
            if needed.isdisjoint(_texts(content, _OUTPUTS)):
                continue
            needed.update(_used(content))
        kept.append(whole)
    return kept[::-1]


def _used(node: memoryview) -> Iterator[str]:
    """The names that a node takes, those within its loops included: they may be of the outside."""
    yield from _texts(node, _INPUTS)
    for number, attribute, _ in _fields(node):
        if number == _ATTRIBUTE:
            for kind, graph, _ in _fields(attribute):
                if kind in (_SUBGRAPH, _SUBGRAPHS):
                    yield from _used_in(graph)


def _used_in(graph: memoryview) -> Iterator[str]:
    for number, content, _ in _fields(graph):
        if number == _NODE:
            yield from _used(content)
        elif number == _OUTPUT:
            yield from _texts(content, _NAME)


def _texts(message: memoryview, wanted: int) -> list[str]:
    """The strings of one field."""
    return [str(content, "utf-8") for number, content, _ in _fields(message) if number == wanted]


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Number, content (empty if it is a number) and all bytes of each field."""
    place = 0
    while place < len(message):
        start = place
        key, place = _decoded(message, place)
        first, kind = place, key & 7
        if kind == _VARINT:
            first = place = _decoded(message, place)[1]
        elif kind == _SIZED:
            size, first = _decoded(message, place)
            place = first + size
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            first = place = place + (8 if kind == _EIGHT_BYTES else 4)
        else:
            raise ValueError(f"a field of wire type {kind}")
        if place > len(message):
            raise ValueError("a field that goes on past the end")
        yield key >> 3, message[first:place], message[start:place]


def _decoded(message: memoryview, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and the place after it."""
    value = shift = 0
    while place < len(message):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("a number that goes on past the end")


def _encoded(value: int) -> bytes:
    digits: list[int] = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
