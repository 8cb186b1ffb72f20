"""Ogg files page by page: damaged and missing pages, and chained streams.

libogg drops a page whose checksum is wrong and goes on with the next, so that a damaged recording
decodes, without a word, to one that lacks a second; and libsndfile reads only the first of several
streams one behind another. So every page is checked here: its checksum, its number within its
stream, and the streams' ends. Knows RFC 3533, no codec.
"""

import zlib
from dataclasses import dataclass
from typing import BinaryIO, cast

from voxport.audio import limits
from voxport.audio.spliced import Piece, Spliced
from voxport.errors import AudioFileError

_CAPTURE = b"OggS"
_HEADER = 27  # bytes before the table of segments
_FLAC, _FLAC_HEADER_BYTES = b"\x7fFLAC", 9  # of a first page's body, before "fLaC"
_BLOCK = 1 << 16  # bytes read at a time where a page has to be looked for
_FIRST, _LAST = 0x02, 0x04  # flags
_CUT = "truncated or damaged: the file ends before its stream does"

# Ogg's checksum is zlib's polynomial with the most significant bit first, started at 0 and not
# inverted. So zlib computes it, on bytes whose bits are in the other order.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    flags: int
    stream: int  # several may be interleaved
    number: int  # within its stream
    body: int  # where its content starts
    end: int  # where the next page starts
    is_intact: bool
    is_complete: bool  # its last packet ends on it


@dataclass
class _Stream:
    number: int  # of its next page
    last: tuple[int, int] = (0, 0)  # where its last page starts and ends
    pages: int = 0
    is_complete: bool = True  # no packet goes on on the next page


def split(file: BinaryIO) -> list[list[Piece]]:
    """Return each link of a chain of streams, as pieces of the file: one in an ordinary file.

    Raises AudioFileError for damaged and missing pages. A stream without the flag of its end is
    whole if the file ends with a page and a packet: recorders on phones never set it. The pieces
    have it set, as libsndfile fails without it on a partly filled last page. One page is in
    memory at a time.
    """
    flagged: dict[int, bytes] = {}  # by place: pages with the flag of the end
    open_streams: dict[int, _Stream] = {}
    starts: list[int] = []
    first = place = _find(file, 0)
    end = 0  # of the last page
    while place >= 0:
        page = _page(file, place)
        if page is None:
            raise AudioFileError(_CUT)
        if not page.is_intact:
            raise AudioFileError(
                f"damaged: the page at byte {place} has another checksum than it was written with"
            )
        if page.flags & _FIRST:
            if not starts or all(stream.pages > 1 for stream in open_streams.values()):
                flagged.update(_close(file, open_streams))
                starts.append(place if starts else 0)
                if len(starts) > limits.MAX_PARTS:
                    raise AudioFileError(limits.TOO_MANY_PARTS)
            open_streams[page.stream] = _Stream(page.number)
        stream = open_streams.get(page.stream)
        if stream is None or stream.number != page.number:
            raise AudioFileError(f"damaged: before byte {place}, part of the stream is missing")
        stream.number = (page.number + 1) % 2**32
        stream.pages += 1
        stream.is_complete, stream.last = page.is_complete, (place, page.end)
        if page.flags & _LAST:
            del open_streams[page.stream]
        end = page.end
        place = _find(file, end)
        if place > end:
            raise AudioFileError(f"damaged: bytes {end} to {place} belong to no page")
    size = file.seek(0, 2)
    if open_streams and end < size:
        raise AudioFileError(_CUT)
    flagged.update(_close(file, open_streams))
    bounds = zip(starts, [*starts[1:], size], strict=True) if first >= 0 else ()
    return [_pieces(start, end, flagged) for start, end in bounds]


def native_flac(file: BinaryIO) -> Spliced | None:
    """Return the FLAC stream within one link, None if it holds another codec.

    The bodies of its pages are a native stream behind 9 bytes of Ogg's own.
    """
    ranges: list[Piece] = []
    streams: set[int] = set()
    place = _find(file, 0)
    while place >= 0 and (page := _page(file, place)):
        if not ranges:
            file.seek(page.body)
            if file.read(len(_FLAC)) != _FLAC:
                return None
        ranges.append((page.body, page.end))
        streams.add(page.stream)
        place = _find(file, page.end)
    if len(streams) != 1:
        return None
    start, end = cast("tuple[int, int]", ranges[0])
    return Spliced(file, [(start + _FLAC_HEADER_BYTES, end), *ranges[1:]])


def _close(file: BinaryIO, streams: dict[int, _Stream]) -> dict[int, bytes]:
    """Check streams without a flagged end to be whole, and forget them.

    Returns their last pages, by place, with the flag set.
    """
    pages: dict[int, bytes] = {}
    for stream in streams.values():
        if stream.pages < 2 or not stream.is_complete:
            raise AudioFileError(_CUT)
        start, end = stream.last
        file.seek(start)
        page = bytearray(file.read(end - start))
        page[5] |= _LAST
        page[22:26] = bytes(4)
        page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
        pages[start] = bytes(page)
    streams.clear()
    return pages


def _pieces(start: int, end: int, flagged: dict[int, bytes]) -> list[Piece]:
    pieces: list[Piece] = []
    for place in sorted(place for place in flagged if start <= place < end):
        pieces += [(start, place), flagged[place]]
        start = place + len(flagged[place])
    return [*pieces, (start, end)]


def checksum(page: bytes) -> int:
    """Return the checksum of a page whose field for it holds zeros."""
    register = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(register.to_bytes(4, "little").translate(_REVERSED), "big")


def _find(file: BinaryIO, place: int) -> int:
    """Return the start of the next page, at `place` or behind it; -1 if there is none."""
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
    """Parse the page at `start`; None if the file ends within it."""
    file.seek(start)
    header = file.read(_HEADER)
    table = file.read(header[-1]) if len(header) == _HEADER else b""
    body = file.read(sum(table))
    if len(header) < _HEADER or len(table) < header[-1] or len(body) < sum(table):
        return None
    recorded = int.from_bytes(header[22:26], "little")
    found = checksum(header[:22] + bytes(4) + header[26:] + table + body)
    return _Page(
        flags=header[5],
        stream=int.from_bytes(header[14:18], "little"),
        number=int.from_bytes(header[18:22], "little"),
        body=start + len(header) + len(table),
        end=start + len(header) + len(table) + len(body),
        is_intact=found == recorded,
        is_complete=not table or table[-1] < 255,
    )
