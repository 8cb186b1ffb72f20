"""Fields of protobuf messages as a stranger writes them, which no library would."""

BEYOND = 1 << 29  # added to a field's number: parsers of 32 bits see the number alone


def field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes, or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def number_field(number: int, value: int) -> bytes:
    """Encode a field of a number."""
    return varint(number << 3) + varint(value)


def varint(value: int) -> bytes:
    """Encode a number of 7 bits a byte."""
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def external_tensor(*entries: bytes) -> bytes:
    """Encode a tensor of two floats with these entries of external data."""
    tensor = number_field(1, 2) + number_field(2, 1) + field(8, b"w")
    return tensor + b"".join(field(13, entry) for entry in entries) + number_field(14, 1)


def hidden_locations() -> dict[str, bytes]:
    """Return tensors with a location that is listed, and one that is not, hidden from a reader."""
    listed = field(1, b"location") + field(2, b"weights")
    hidden = {
        "a key twice": field(1, b"x") + field(1, b"location") + field(2, b"hidden"),
        "a key and a number": field(1, b"location") + number_field(1, 0) + field(2, b"hidden"),
        "a value twice": field(1, b"location") + field(2, b"hidden") + field(2, b"weights"),
        "a value and a number": field(1, b"location") + field(2, b"hidden") + number_field(2, 0),
    }
    return {name: external_tensor(listed, entry) for name, entry in hidden.items()}
