"""MIDI sample dumps (SDS): every packet checked, as libsndfile prints damage on standard output."""

from typing import BinaryIO

import numpy as np

_HEADER_BYTES, _PACKET_BYTES = 21, 127
_PACKETS = 1 << 12  # read at a time


def is_sds(head: bytes) -> bool:
    """Return whether `head` starts a sample dump."""
    return len(head) >= 4 and head[:2] == b"\xf0\x7e" and head[3] == 1


def problem(file: BinaryIO) -> str | None:
    """Return the reason why a sample dump is not intact, or None."""
    file.seek(0)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[-1] != 0xF7 or max(header[2:-1]) > 0x7F:
        return "damaged: the header of a MIDI sample dump is not intact"
    bits = header[6]
    if not 8 <= bits <= 28:
        return f"damaged: a MIDI sample dump of {bits} bits"
    words = header[10] | header[11] << 7 | header[12] << 14
    per_packet = 120 // (2 if bits <= 14 else 3 if bits <= 21 else 4)
    expected, count = -(-words // per_packet), 0
    while content := file.read(_PACKETS * _PACKET_BYTES):
        packets = np.frombuffer(content[: len(content) // _PACKET_BYTES * _PACKET_BYTES], np.uint8)
        packets = np.reshape(packets, (-1, _PACKET_BYTES))[: expected - count]
        numbers = (np.arange(count, count + len(packets)) % 128).astype(np.uint8)
        sums = np.zeros(len(packets), np.uint8)
        for column in range(1, 125):
            sums ^= packets[:, column]
        sums &= 0x7F
        is_intact = (
            (packets[:, 0] == 0xF0)
            & (packets[:, 1] == 0x7E)
            & (packets[:, 3] == 2)
            & (packets[:, 4] == numbers)
            & (packets[:, 125] == sums)
            & (packets[:, 126] == 0xF7)
        )
        if not is_intact.all():
            return f"damaged: packet {count + int(is_intact.argmin())} of a MIDI sample dump"
        count += len(packets)
        if count == expected:
            return None
    return "truncated: the file ends before its audio does" if count < expected else None
