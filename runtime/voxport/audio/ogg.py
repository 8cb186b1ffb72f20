"""Whether an Ogg file is whole, page by page.

libogg drops a page whose checksum is wrong and goes on with the next, so that a damaged recording
decodes, without a word, to one that lacks a second. Every page is therefore checked here: its
checksum, its number within its stream, and that every stream is ended. Knows RFC 3533, no codec.
"""

import zlib
from dataclasses import dataclass
from typing import BinaryIO

_CAPTURE = b"OggS"
_HEADER = 27  # bytes before the table of segments
_BLOCK = 1 << 16  # bytes read at a time where a page has to be looked for
_FIRST, _LAST = 0x02, 0x04  # flags

# Ogg's checksum is zlib's polynomial with the most significant bit first, started at 0 and not
# inverted. So zlib computes it, on bytes whose bits are in the other order.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    flags: int
    stream: int  # several may be interleaved
    number: int  # within its stream
    end: int  # where the next page starts
    is_intact: bool


def problem(file: BinaryIO) -> str | None:
    """What is wrong with the pages of a file, or None; a page is in memory at a time."""
    expected: dict[int, int] = {}  # streams that are not ended: the number of their next page
    links = 0  # one behind another, each of one or several streams
    place = _find(file, 0)
    while place >= 0:
        page = _page(file, place)
        if page is None:
            break
        if not page.is_intact:
            return (
                f"damaged: the page at byte {place} has another checksum than it was written with"
            )
        if page.flags & _FIRST:
            links += not expected
            expected[page.stream] = page.number
        if expected.pop(page.stream, None) != page.number:
            return f"damaged: before byte {place}, part of the stream is missing"
        if not page.flags & _LAST:
            expected[page.stream] = (page.number + 1) % 2**32
        place = _find(file, page.end)
        if place > page.end:
            return f"damaged: bytes {page.end} to {place} belong to no page"
    if expected or place >= 0:
        return "truncated or damaged: the file ends before its stream does"
    if links > 1:
        return (
            f"{links} recordings one behind another (a chained Ogg file), of which libsndfile "
            "reads only the first; convert it to wav or flac"
        )
    return None


def checksum(page: bytes) -> int:
    """The checksum of a page whose field for it holds zeros."""
    register = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(register.to_bytes(4, "little").translate(_REVERSED), "big")


def _find(file: BinaryIO, place: int) -> int:
    """Where the next page starts, at `place` or behind it; -1 if none does."""
    size = len(_CAPTURE)  # it is nearly always at `place`
    while True:
        file.seek(place)
        block = file.read(size)
        found = block.find(_CAPTURE)
        if found >= 0:
            return place + found
        if len(block) < size:
            return -1
        place += size - len(_CAPTURE) + 1
        size = _BLOCK


def _page(file: BinaryIO, start: int) -> _Page | None:
    """The page at `start`, or None if the file ends within it."""
    file.seek(start)
    header = file.read(_HEADER)
    table = file.read(header[-1])
    body = file.read(sum(table))
    if len(header) < _HEADER or len(table) < header[-1] or len(body) < sum(table):
        return None
    recorded = int.from_bytes(header[22:26], "little")
    found = checksum(header[:22] + bytes(4) + header[26:] + table + body)
    return _Page(
        flags=header[5],
        stream=int.from_bytes(header[14:18], "little"),
        number=int.from_bytes(header[18:22], "little"),
        end=start + len(header) + len(table) + len(body),
        is_intact=found == recorded,
    )
