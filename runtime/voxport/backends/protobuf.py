"""Reading of protobuf's wire format, for files inspected without their own library."""

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5  # wire types
# Parsers drop the bits of a key beyond 32, so that a larger one is another field to them.
_MAX_KEY = (1 << 32) - 1
_MAX_SHIFT = 63  # of a number's last 7 bits


def read_fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Iterate over number, content (empty for a number) and all bytes of each field.

    Raises:
        ValueError: these bytes are no message.
    """
    place = 0
    while place < len(message):
        start = place
        key, place = decode_number(message, place)
        if key > _MAX_KEY:
            raise ValueError(f"a field with the key {key}")
        first, kind = place, key & 7
        if kind == _VARINT:
            first = place = decode_number(message, place)[1]
        elif kind == _SIZED:
            size, first = decode_number(message, place)
            place = first + size
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            first = place = place + (8 if kind == _EIGHT_BYTES else 4)
        else:
            raise ValueError(f"a field of wire type {kind}")
        if place > len(message):
            raise ValueError("a field that goes on past the end")
        yield key >> 3, message[first:place], message[start:place]


def read_texts(message: memoryview, number: int) -> list[str]:
    """Return the strings of one field."""
    return [str(content, "utf-8") for found, content, _ in read_fields(message) if found == number]


def decode_number(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, the lowest first, and the place after it."""
    value = shift = 0
    while place < len(message):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > _MAX_SHIFT:
            raise ValueError("a number of more than 64 bits")
    raise ValueError("a number that goes on past the end")


def encode_sized(number: int, parts: list[memoryview]) -> list[bytes | memoryview]:
    """Encode a field of bytes from its number and the parts of its content."""
    size = sum(map(len, parts))
    return [_encode_number(number << 3 | _SIZED), _encode_number(size), *parts]


def _encode_number(value: int) -> bytes:
    digits: list[int] = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
