"""Wav files chunk by chunk: missing samples, joined files, and other formats within one.

Knows bytes and lengths, decodes nothing. Other files are left to libsndfile.
"""

from dataclasses import dataclass
from typing import BinaryIO

from voxport.audio import limits, tags
from voxport.audio.spliced import Piece
from voxport.errors import AudioFileError

# Lengths that writers to a pipe leave in a header, as they cannot go back: 0x7FFFFFFF, 0x80000000
# and 0xFFFFFFFF, less a header or rounded to blocks (sox: 0x7FFFF000 rounded down), and 0. Half of
# a 2.4 GB file is none of them.
_PIPE_LENGTHS = (range(0x7FFFE000, 0x80001000), range(0xFFFFE000, 1 << 32))

_BW64 = b"BW64"
_MAX_CHUNKS = 1 << 12
_MPEG_TAGS = (0x50, 0x55)  # MP2 and MP3
_HEAD_BYTES = 12


@dataclass(frozen=True)
class Wave:
    """One wav file within a file."""

    start: int
    end: int  # where the next one starts, or the file ends
    tag: int  # of its format
    data: tuple[int, int]  # where its samples are


def is_unknown_length(size: int) -> bool:
    """Return whether `size` is left by a writer to a pipe, without knowledge of the length."""
    return size == 0 or any(size in lengths for lengths in _PIPE_LENGTHS)


def is_riff(head: bytes) -> bool:
    """Return whether `head` starts a wav file."""
    return head[:4] in (b"RIFF", b"RIFX", b"RF64", _BW64) and head[8:12] == b"WAVE"


def pieces(file: BinaryIO, wave: Wave) -> list[Piece]:
    """Return the bytes of a wav file under a name that libsndfile knows."""
    if _read(file, wave.start, 4) == _BW64:  # RF64 with chunks for broadcasters
        return [b"RF64", (wave.start + 4, wave.end)]
    return [(wave.start, wave.end)]


def is_mpeg(wave: Wave) -> bool:
    """Return whether the samples of a wav file are MPEG audio."""
    return wave.tag in _MPEG_TAGS


def split(file: BinaryIO) -> list[Wave]:
    """Split a file into the wav files in it; empty if the chunks make no sense.

    Raises AudioFileError for missing samples, and for samples behind the claimed ones.
    """
    waves: list[Wave] = []
    size, place = file.seek(0, 2), 0
    while place < size:
        wave = _parse(file, place, size)
        if wave is None:
            return waves
        waves.append(wave)
        if len(waves) > limits.MAX_PARTS:
            raise AudioFileError(limits.TOO_MANY_PARTS)
        place = wave.end
    return waves


def _parse(file: BinaryIO, start: int, size: int) -> Wave | None:
    head = _read(file, start, _HEAD_BYTES)
    if not is_riff(head):
        return None
    order = "big" if head[:4] == b"RIFX" else "little"
    place, tag, per_second, wide = start + _HEAD_BYTES, -1, 0, 0
    for _ in range(_MAX_CHUNKS):
        head = _read(file, place, 8)
        if len(head) < 8:
            return None
        name, claimed = head[:4], int.from_bytes(head[4:], order)
        place += 8
        if name == b"fmt ":
            content = _read(file, place, 26)
            tag = int.from_bytes(content[:2], order)
            per_second = int.from_bytes(content[8:12], order)
            if tag == 0xFFFE and len(content) == 26:
                tag = int.from_bytes(content[24:], order)
        elif name == b"ds64":
            wide = int.from_bytes(_read(file, place + 8, 8), "little")
        elif name == b"data":
            if claimed == 0xFFFFFFFF and wide:
                claimed = wide
            end = _end_of_samples(place, claimed, size, start, per_second)
            return Wave(start, _end_of_wave(file, end, size, per_second), tag, (place, end))
        place += claimed + claimed % 2
    return None


def _end_of_samples(place: int, claimed: int, size: int, start: int, per_second: int) -> int:
    """Return the end of the samples from `place` on."""
    missing = place + claimed - size
    if is_unknown_length(claimed) or missing <= 0:
        return size if is_unknown_length(claimed) else place + claimed
    header = place - start  # some count it in, others all of it but the first 8 bytes
    is_miscounted = missing <= limits.MAX_MISSING_BYTES or missing in (header, header - 8)
    if is_miscounted or missing <= limits.MAX_MISSING_S * per_second:
        return size
    raise AudioFileError("truncated: the file ends before its audio does")


def _end_of_wave(file: BinaryIO, place: int, size: int, per_second: int) -> int:
    """Return where the next wav file starts, or the file ends, by the chunks behind the samples."""
    head = b""
    for _ in range(_MAX_CHUNKS):
        place += place % 2 if _is_chunk(_read(file, place + place % 2, 12)) else 0
        head = _read(file, place, tags.HEAD_BYTES)
        if is_riff(head):
            return place
        if len(head) < 8 or tags.tag_size(head) or not _is_chunk(head):
            break
        if head[:4] == b"data" and int.from_bytes(head[4:8], "little"):
            raise AudioFileError("holds two chunks of samples, of which only one would be heard")
        place += 8 + int.from_bytes(head[4:8], "little")
        if place >= size:
            return size
    rest = size - place
    is_harmless = rest <= max(limits.MAX_MISSING_BYTES, limits.MAX_MISSING_S * per_second)
    if is_harmless or tags.tag_size(head) or not _read(file, place, 1 << 12).strip(b"\0"):
        return size
    raise AudioFileError(
        f"damaged: {rest} bytes behind the samples belong to no chunk; "
        "was the recorder stopped before it wrote the length?"
    )


def _is_chunk(head: bytes) -> bool:
    """Return whether `head` starts with a chunk's name, four characters of ASCII."""
    return len(head) >= 8 and all(32 <= byte < 127 for byte in head[:4])


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
