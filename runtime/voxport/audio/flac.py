"""FLAC frame by frame: the true length, missing frames, and joined files.

libFLAC believes the header's count of samples and stops there; where the count is too large it
fails before the first sample, and files behind the first are not heard. So the frames are counted
here by their headers, each with a checksum of its own, and libsndfile is given a header with the
true count. Knows RFC 9639 up to a frame's header; decodes nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from voxport.audio import limits, tags
from voxport.audio.spliced import Spliced
from voxport.errors import AudioFileError

_MARK = b"fLaC"
_NEXT = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # with its first block: STREAMINFO, 34 bytes
_STREAMINFO_BYTES = 34
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_BLOCK_BYTES = 1 << 20
_MAX_HEADER_BYTES = 16
_MAX_FAILURES = (
    1 << 12
)  # marks that are no header, and the bytes for one more: 1 in 32768 by chance
_BLOCK_SIZES = {1: 192, **{code: 576 << code - 2 for code in range(2, 6)}} | {
    code: 256 << code - 8 for code in range(8, 16)
}


@dataclass(frozen=True)
class Part:
    """One FLAC stream: a decoder's input, and the expected result of the decode."""

    stream: Spliced
    rate: int  # Hz
    bits: int  # of a sample
    samples: int  # in frames that are there
    claimed: int  # by the header, 0 if it does not know
    md5: bytes | None  # of the samples as they were written
    is_ended: bool  # its last frame is shorter than the others, as only an end's is


@dataclass(frozen=True)
class _Frame:
    place: int
    number: int  # of the frame, or of its first sample where the block size varies
    samples: int
    is_variable: bool

    @property
    def next_number(self) -> int:
        return self.number + (self.samples if self.is_variable else 1)


def split(file: BinaryIO) -> list[Part]:
    """Split a file into its FLAC streams; raises AudioFileError if frames are missing."""
    start = tags.id3_size(_read(file, 0, tags.HEAD_BYTES))
    size = file.seek(0, 2)
    starts = [start, *_find_all(file, start + 4, size, _NEXT)]
    if len(starts) > limits.MAX_PARTS:
        raise AudioFileError(limits.TOO_MANY_PARTS)
    ends = [*starts[1:], size]
    return [_part(file, *bounds) for bounds in zip(starts, ends, strict=True)]


def _part(file: BinaryIO, start: int, end: int) -> Part:
    first, info = _metadata(file, start)
    packed = int.from_bytes(info[10:18], "big")  # rate 20, channels 3, bits 5, samples 36
    claimed, bits, rate = packed & (1 << 36) - 1, (packed >> 36 & 31) + 1, packed >> 44
    frames = _chain(file, first, end)
    head = last = next(frames, None)
    samples = head.samples if head else 0
    for last in frames:
        samples += last.samples
    patched = info[:10] + ((packed >> 36 << 36) | samples).to_bytes(8, "big") + info[18:]
    header = _MARK + b"\x80\x00\x00\x22" + patched
    return Part(
        stream=Spliced(file, [header, (head.place if head else first, end)]),
        rate=rate,
        bits=bits,
        samples=samples,
        claimed=claimed,
        md5=info[18:] if any(info[18:]) else None,
        is_ended=head is not None and last is not None and last.samples < head.samples,
    )


def _metadata(file: BinaryIO, start: int) -> tuple[int, bytes]:
    """Return the start of the frames, and the content of STREAMINFO."""
    place, info = start + len(_MARK), b""
    while True:
        head = _read(file, place, 4)
        if len(head) < 4:
            raise AudioFileError("truncated: the file ends within its header")
        size = int.from_bytes(head[1:], "big")
        if head[0] & 0x7F == 0:
            info = _read(file, place + 4, _STREAMINFO_BYTES)
        place += 4 + size
        if head[0] & 0x80:
            break
    if len(info) < _STREAMINFO_BYTES:
        raise AudioFileError("damaged: a FLAC file without STREAMINFO")
    return place, info


def _chain(file: BinaryIO, start: int, end: int) -> Iterator[_Frame]:
    """Yield successive frames; raise AudioFileError if some are missing."""
    last: _Frame | None = None
    failures, most = 0, _MAX_FAILURES + (end - start) // _MAX_FAILURES
    stray: _Frame | None = None  # intact, and not the next: by chance, unless others follow it
    for place in _find_all(file, start, end, _SYNC):
        frame = _parse(place, _read(file, place, _MAX_HEADER_BYTES))
        if frame is None:
            failures += 1
            if failures > most:
                raise AudioFileError("damaged: hardly any of the headers of frames are intact")
        elif last is None or (
            frame.number == last.next_number and frame.is_variable == last.is_variable
        ):
            last = frame
            yield frame
        elif stray is not None and frame.number == stray.next_number:
            raise AudioFileError(
                f"damaged: before byte {stray.place}, part of the recording is missing"
            )
        else:
            stray = frame


def _parse(place: int, head: bytes) -> _Frame | None:
    """Parse a frame's header; None if it is none, or its checksum differs."""
    if len(head) < 6 or head[3] & 1 or head[3] >> 1 & 7 == 3 or head[3] >> 4 > 10:
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if not size_code or rate_code == 15:
        return None
    number, at = _coded_number(head)
    if at == 0:
        return None
    width = {6: 1, 7: 2}.get(size_code, 0)
    samples = _BLOCK_SIZES.get(size_code, int.from_bytes(head[at : at + width], "big") + 1)
    at += width + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    return _Frame(place, number, samples, bool(head[1] & 1))


def _coded_number(head: bytes) -> tuple[int, int]:
    """Return a number of 1 to 7 bytes, coded as UTF-8 extended, and its end; 0 if none."""
    first = head[4]
    if first < 0x80:
        return first, 5
    count = 8 - (first ^ 0xFF).bit_length()  # leading ones: bytes in all
    rest = head[5 : 4 + count]
    if not 2 <= count <= 7 or len(rest) < count - 1 or any(byte >> 6 != 2 for byte in rest):
        return 0, 0
    number = first & (0x7F >> count)
    for byte in rest:
        number = number << 6 | byte & 0x3F
    return number, 4 + count


def _crc8(content: bytes) -> int:
    register = 0
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register << 1 ^ (7 if register & 0x80 else 0)) & 0xFF
    return register


def _find_all(file: BinaryIO, start: int, end: int, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Yield the places of a pattern in a range, a block in memory at a time."""
    overlap = 8
    while start < end:
        block = _read(file, start, min(_BLOCK_BYTES + overlap, end - start))
        is_last = len(block) <= _BLOCK_BYTES
        for match in pattern.finditer(block):
            if is_last or match.start() < _BLOCK_BYTES:
                yield start + match.start()
        if not block:
            return
        start += len(block) if is_last else _BLOCK_BYTES


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
