"""Messages between this process and an isolated one, over two pipes.

A message is its length, a JSON object, and then the bytes of its arrays, one after the other. The
isolated process may have been taken over by its package: what comes from it is read as numbers and
UTF-8 of announced and bounded sizes, never as objects. Knows no engine.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<I")
_MAX_HEAD_BYTES = 1 << 20
_TYPES = ("float32", "int64")
_MAX_RANK = 3


class FrameError(Exception):
    """Message that is none, or larger than expected."""


@dataclass(frozen=True)
class Message:
    """A JSON object, and arrays and texts by name."""

    head: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    texts: Sequence[str] | None = None


def write_message(
    pipe: BinaryIO,
    head: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]] | None = None,
    texts: Sequence[str] | None = None,
) -> None:
    """Write a message and flush it."""
    arrays = arrays or {}
    encoded = None if texts is None else [text.encode("utf-8", "replace") for text in texts]
    listed = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    sizes = None if encoded is None else list(map(len, encoded))
    document = {**head, "arrays": listed, "texts": sizes}
    content = json.dumps(document).encode()
    pipe.write(_LENGTH.pack(len(content)) + content)
    for array in arrays.values():
        pipe.write(_bytes_of(array))
    for text in encoded or ():
        pipe.write(text)
    pipe.flush()


def read_message(pipe: BinaryIO, most_bytes: int) -> Message:
    """Read a message whose arrays and texts have at most ``most_bytes``.

    Raises:
        EOFError: the other end was closed.
        FrameError: this is no message, or a larger one.
    """
    size = _LENGTH.unpack(_read(pipe, _LENGTH.size))[0]
    if size > _MAX_HEAD_BYTES:
        raise FrameError(f"a message whose head has {size} bytes")
    head = _parse(_read(pipe, size))
    listed, sizes = head.pop("arrays", None), head.pop("texts", None)
    specs = [_array_spec(item) for item in _list(listed)]
    lengths = None if sizes is None else [_size(item) for item in _list(sizes)]
    total = sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in specs)
    if (total := total + sum(lengths or ())) > most_bytes:
        raise FrameError(f"a message of {total} bytes, more than {most_bytes}")
    arrays = {name: _read_array(pipe, dtype, shape) for name, dtype, shape in specs}
    texts = None if lengths is None else [_text(_read(pipe, length)) for length in lengths]
    return Message(head, arrays, texts)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a message that is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise FrameError("a message that is no object")
    return cast("dict[str, Any]", document)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FrameError("a message without its list of arrays")
    return cast("list[Any]", value)


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FrameError("a message with a size that is none")
    return value


def _array_spec(item: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    values = _list(item)
    if len(values) != 3:
        raise FrameError("a message with an array that is not described")
    name, dtype, sizes = values
    shape = tuple(map(_size, _list(sizes)))
    if not isinstance(name, str) or dtype not in _TYPES or len(shape) > _MAX_RANK:
        raise FrameError("a message with an array of another type")
    return name, np.dtype(dtype), shape


def _read_array(pipe: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        array = np.empty(shape, dtype)
    except (ValueError, MemoryError) as error:
        raise FrameError(f"an array of the shape {list(shape)}: {error}") from None
    _fill(pipe, _bytes_of(array))
    return array


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """Return an array's own bytes, or of one that has gaps a copy's."""
    flat: Any = np.ravel(np.ascontiguousarray(array))
    return memoryview(flat).cast("B") if array.size else memoryview(b"")


def _read(pipe: BinaryIO, size: int) -> bytes:
    content = bytearray(size)
    _fill(pipe, memoryview(content))
    return bytes(content)


def _fill(pipe: BinaryIO, target: memoryview) -> None:
    """Read until ``target`` is full."""
    place = 0
    while place < len(target):
        count = cast("Any", pipe).readinto(target[place:])
        if not count:
            raise EOFError("the other end was closed")
        place += count


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FrameError(f"a text that is no UTF-8: {error}") from None
