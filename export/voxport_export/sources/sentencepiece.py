"""Pieces of a SentencePiece model file, read without the library.

The file is one protobuf message; only its list of pieces is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voxport_export.errors import SourceError

SPACE = "\u2581"  # ▁
_CONTROL = 3  # the type of pieces that are not text: <s>, </s>, <pad>
_UNKNOWN = 2
_UNKNOWN_TEXT = " \u2047 "  # as the library decodes the unknown piece: ⁇
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protobuf


@dataclass(frozen=True)
class Piece:
    """One entry of the vocabulary."""

    name: str
    kind: int

    @property
    def is_text(self) -> bool:
        """False for pieces that decoding leaves out."""
        return self.kind != _CONTROL

    @property
    def text(self) -> str:
        """The text of a piece: ``▁`` is a space."""
        if not self.is_text:
            return ""
        return _UNKNOWN_TEXT if self.kind == _UNKNOWN else self.name.replace(SPACE, " ")


def read_pieces(path: Path) -> list[Piece]:
    """Read the pieces of a model file in the order of their indices.

    Raises:
        SourceError: the file cannot be read, or is no SentencePiece model.
    """
    try:
        content = path.read_bytes()
        found = [_read_piece(value) for field, value in _fields(content) if field == 1]
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, IndexError, TypeError) as error:
        raise SourceError(f"{path}: not a SentencePiece model: {error}") from error
    if not found:
        raise SourceError(f"{path}: not a SentencePiece model: it lists no pieces")
    return found


def _read_piece(message: bytes | int) -> Piece:
    if isinstance(message, int):
        raise TypeError("a piece is no message")
    fields = dict(_fields(message))
    name, kind = fields.get(1, b""), fields.get(3, 1)
    if isinstance(name, int) or not isinstance(kind, int):
        raise TypeError("a piece has fields of other types")
    return Piece(name.decode("utf-8"), kind)


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the number and the value of each field of a message."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire = key & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if length is None:
            if wire != _BYTES:
                raise ValueError(f"unknown wire type {wire}")
            length, place = _varint(message, place)
        if place + length > len(message):
            raise ValueError("it ends within a field")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Read a number, and return it with the place behind it."""
    value, shift = 0, 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number is too long")
