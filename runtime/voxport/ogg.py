"""Whether an Ogg file is whole, page by page.

libogg drops a page whose checksum is wrong and goes on with the next, so that a damaged recording
decodes, without a word, to one that lacks a second. Every page is therefore checked here: its
checksum, its number within its stream, and that every stream is ended. Knows RFC 3533, no codec.
"""

import zlib
from dataclasses import dataclass

_CAPTURE = b"OggS"
_HEADER = 27  # bytes before the table of segments
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


def problem(content: bytes) -> str | None:
    """What is wrong with the pages of a file, or None."""
    expected: dict[int, int] = {}  # streams that are not ended: the number of their next page
    links = 0  # one behind another, each of one or several streams
    place = content.find(_CAPTURE)
    while place >= 0:
        page = _page(content, place)
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
        place = content.find(_CAPTURE, page.end)
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


def _page(content: bytes, start: int) -> _Page | None:
    """The page at `start`, or None if the file ends within it."""
    header = content[start : start + _HEADER]
    table = content[start + _HEADER : start + _HEADER + header[-1]]
    end = start + _HEADER + len(table) + sum(table)
    if len(header) < _HEADER or len(table) < header[-1] or end > len(content):
        return None
    recorded = int.from_bytes(header[22:26], "little")
    found = checksum(header[:22] + bytes(4) + content[start + 26 : end])
    return _Page(
        flags=header[5],
        stream=int.from_bytes(header[14:18], "little"),
        number=int.from_bytes(header[18:22], "little"),
        end=end,
        is_intact=found == recorded,
    )
