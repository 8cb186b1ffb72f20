"""Truncated files of the formats that libsndfile reads whole, by its log and by their headers.

libsndfile reads the rest of a cut wav, aiff or SPHERE file and says nothing, and a transcript of
half a recording is a wrong transcript. Works on libsndfile's log and a file's first bytes, decodes
nothing. Ogg, FLAC, MPEG audio, wav and sample dumps have modules of their own.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

from voxport.audio import limits
from voxport.audio.riff import is_unknown_length

UNKNOWN_FRAMES = 1 << 62  # libsndfile's count where it does not know is 2**63 - 1

CUT = "truncated: the file ends before its audio does"

_HEAD_BYTES = 1 << 12  # headers alone are shorter

# "data : 96000 (should be 47978)": a chunk that is larger than its file.
_CHUNK = re.compile(
    r"^\s*(?:data|SSND|BODY|Data Size|riff|Riff size|Data length)\s*:?\s*(\d+) \(?should be (\d+)",
    re.MULTILINE,
)
_FRAMES = {  # by container: the count of samples in the log, the last that is there
    "AVR": re.compile(r"^\s*Frames\s*:\s*(\d+)", re.MULTILINE),
    "MPC2K": re.compile(r"^\s*Frames\s*:\s*(\d+)", re.MULTILINE),
    "MAT4": re.compile(r"\bCols\s*:\s*(\d+)"),
    "MAT5": re.compile(r"\bCols\s*:\s*(\d+)"),
}
_NIST_COUNT = re.compile(rb"^sample_count -i (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Opened:
    """A file opened by libsndfile, not yet decoded."""

    container: str  # "WAV", "AIFF", ...
    frames: int
    rate: int  # Hz
    log: str


def problem_at_first(file: BinaryIO, opened: Opened) -> str | None:
    """Return the reason why a file is cut, as far as its headers tell, or None.

    `file` is left where it was: a decoder stands there.
    """
    if is_chunk_cut(opened):
        return CUT
    declared = _declared_frames(file, opened)
    missing = 0 if declared is None else declared - opened.frames
    return CUT if missing > limits.MAX_MISSING_S * opened.rate else None


def is_chunk_cut(opened: Opened) -> bool:
    """Return whether the log tells of a chunk with more than a few samples missing."""
    for claimed, found in _CHUNK.findall(opened.log):
        missing = int(claimed) - int(found)
        if missing <= limits.MAX_MISSING_BYTES or is_unknown_length(int(claimed)):
            continue
        seconds = opened.frames / opened.rate if opened.rate else 0.0
        if missing * seconds > limits.MAX_MISSING_S * int(found) or not seconds:
            return True
    return False


def problem_of_nothing(file: BinaryIO) -> str:
    """Return the reason why a file gave no sample at all.

    A killed recorder leaves 0 as the length in the header, and libsndfile believes it.
    """
    size = file.seek(0, 2)
    if size <= _HEAD_BYTES:
        return "holds no audio (0 samples)"
    return (
        f"damaged: its header tells of no audio, and the file has {size} bytes; "
        "was the recorder stopped before it wrote the length?"
    )


def _declared_frames(file: BinaryIO, opened: Opened) -> int | None:
    """Return the samples of a channel by the header, None if it does not tell."""
    if opened.container == "NIST":
        place = file.tell()
        try:
            file.seek(0)
            counts = _NIST_COUNT.findall(file.read(_HEAD_BYTES))
        finally:
            file.seek(place)
    else:
        pattern = _FRAMES.get(opened.container)
        counts = pattern.findall(opened.log) if pattern else []
    return int(counts[-1]) if counts else None
