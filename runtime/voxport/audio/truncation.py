"""Whether an audio file is whole.

libsndfile reads what is left of a cut wav, aiff or Ogg file and says nothing, and a transcript of
half a recording is a wrong transcript. Each container tells in its own way how long it should be;
this module knows those ways, works on the file's bytes and on libsndfile's log, and decodes
nothing. What can be told at once is told at once, not after an hour of decoding.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

from voxport.audio import ogg

UNKNOWN_FRAMES = 1 << 62  # libsndfile's count for a FLAC that was written to a pipe is 2**63 - 1

_HEAD = 1 << 12  # bytes: an MPEG frame is at most 2 881, and so are the headers of a wav file
_MPEG_SLACK = 2 * 1152  # frames: the encoder's delay and padding are not counted alike everywhere

# Writers to a pipe cannot go back and fill in the length: they leave 0xFFFFFFFF, 0x7FFFFFFF or a
# little less. Nothing is known about such a file.
_UNKNOWN_LENGTH = 0x7FFF0000

# "data : 96000 (should be 47978)": what libsndfile logs when a chunk is larger than its file.
_CHUNK = re.compile(r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)")
_MPEG_LENGTH = (b"Xing", b"Info", b"VBRI")


@dataclass(frozen=True)
class Decoded:
    """What libsndfile made of a file."""

    container: str  # "WAV", "OGG", ...
    promised: int  # frames, by the header
    found: int  # frames


def problem_at_first(file: BinaryIO, container: str, log: str) -> str | None:
    """Why `file` is not whole, as far as that shows before it is decoded, or None.

    `file` is left where it was: a decoder stands there.
    """
    if container == "OGG":
        place = file.tell()
        try:
            return ogg.problem(file)
        finally:
            file.seek(place)
    return "truncated: the file ends before its audio does" if chunk_is_cut(log) else None


def problem(file: BinaryIO, decoded: Decoded) -> str | None:
    """Why `file`, which showed no problem at first and was decoded, is not whole, or None."""
    if decoded.container == "OGG":
        return None
    is_cut = _mpeg_is_cut(file, decoded) if decoded.container == "MP3" else _is_cut(decoded)
    if is_cut:
        return f"truncated: the file ends before its audio does, after {decoded.found} samples"
    return None if decoded.found else _without_length(file)


def chunk_is_cut(log: str) -> bool:
    """Whether libsndfile's log tells of a chunk of samples that is longer than the file."""
    for line in log.splitlines():
        found = _CHUNK.match(line)
        if found and int(found[2]) < int(found[1]) < _UNKNOWN_LENGTH:
            return True
    return False


def _without_length(file: BinaryIO) -> str | None:
    """A recorder that is killed leaves 0 as the length in the header, and libsndfile believes it.

    Headers alone are short.
    """
    size = file.seek(0, 2)
    if size <= _HEAD:
        return None
    return (
        f"damaged: its header tells of no audio, and the file has {size} bytes; "
        "was the recorder stopped before it wrote the length?"
    )


def _is_cut(decoded: Decoded) -> bool:
    return decoded.found < decoded.promised < UNKNOWN_FRAMES


def _mpeg_is_cut(file: BinaryIO, decoded: Decoded) -> bool:
    """Whether frames are missing of those that the first one counts, if it does."""
    file.seek(0)
    file.seek(id3_size(file.read(_HEAD)))
    known = mpeg_knows_its_length(file.read(_HEAD))
    return known and decoded.found + _MPEG_SLACK < decoded.promised


def mpeg_knows_its_length(head: bytes) -> bool:
    """Whether an MP3's first frame holds the count of those that follow; without it, all is guess.

    `head` starts after any ID3 tag.
    """
    return any(mark in head for mark in _MPEG_LENGTH)


def id3_size(head: bytes) -> int:
    """The length in bytes of the ID3v2 tag that `head` starts with, 0 if there is none."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:  # 7 bits each
        size = size << 7 | byte & 0x7F
    return size + 10
