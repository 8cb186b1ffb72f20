"""Containers that libsndfile does not read and PyAV does, known by their first bytes.

Names demuxers of FFmpeg; decodes nothing and knows no PyAV. A demuxer is always named, never
probed: a list of other files (HLS, DASH, ``concat``) can then not pass for a recording.
"""

import importlib.util
from typing import BinaryIO

from voxport.audio import tags

EXTENSIONS = (
    ".3gp", ".aac", ".ac3", ".amr", ".eac3", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4",
    ".webm", ".wma",
)  # fmt: skip

REMEDY = 'pip install "voxport[media]"'
HEAD_BYTES = 64  # that ``name_demuxer`` looks at

_MARKS = (  # bytes at the start, demuxer
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"#!AMR", "amr"),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")  # mp4, QuickTime
_AC3_MARK, _EAC3_IDS = b"\x0bw", range(11, 17)
_AC3_KILOBITS = (
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
)  # fmt: skip
_ADTS_HEADER_BYTES = 7


def find_demuxer(file: BinaryIO) -> str | None:
    """Return the name of FFmpeg's demuxer for a file by its first bytes, or None."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    start = tags.id3_size(head)
    file.seek(start)
    frame = file.read(_ADTS_HEADER_BYTES) if start else head
    if is_adts(frame) and len(frame) >= _ADTS_HEADER_BYTES:
        file.seek(start + adts_frame_bytes(frame))
        following = file.read(_ADTS_HEADER_BYTES)
        return "aac" if is_adts(following) or not following else None
    return None if start else _by_mark(head)


def is_adts(head: bytes) -> bool:
    """Return whether an AAC frame with a header of its own (ADTS) starts here."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def adts_frame_bytes(head: bytes) -> int:
    """Return the length of an AAC frame by its header, which is part of it."""
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def ac3_frame_bytes(head: bytes) -> int:
    """Return the length of an AC-3 or E-AC-3 frame by its first 6 bytes; 0 if it is none."""
    if not head.startswith(_AC3_MARK):
        return 0
    if head[5] >> 3 in _EAC3_IDS:
        return 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    rate, code = head[4] >> 6, head[4] & 0x3F
    if rate == 3 or code // 2 >= len(_AC3_KILOBITS):
        return 0
    kilobits = _AC3_KILOBITS[code // 2]
    words = (2 * kilobits, 320 * kilobits // 147 + code % 2, 3 * kilobits)[rate]  # 48, 44.1, 32 kHz
    return 2 * words


def is_installed() -> bool:
    """Return whether PyAV is installed; it is not imported."""
    return importlib.util.find_spec("av") is not None


def _by_mark(head: bytes) -> str | None:
    if head[4:8] in _BOXES:
        return "mov"
    if len(head) > 5 and head.startswith(_AC3_MARK):
        return "eac3" if head[5] >> 3 in _EAC3_IDS else "ac3"
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)
