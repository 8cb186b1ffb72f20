"""Names of formats beyond libsndfile, and the command to convert them.

Known by their first bytes, or else by the file's name. Decodes nothing.
"""

import shlex
from pathlib import Path

_BY_NAME = (
    ".3gp", ".aac", ".ac3", ".amr", ".ape", ".avi", ".dsf", ".dts", ".flv", ".m4a", ".m4b",
    ".g722", ".gsm", ".m2ts", ".mka", ".mkv", ".mov", ".mp4", ".mpc", ".mpeg", ".mpg", ".mts",
    ".nut", ".ra", ".shn", ".tta", ".webm", ".wma", ".wmv", ".wv",
)  # fmt: skip

_MARKS = (  # place, bytes, name
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"ADIF", "AAC"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"TTA1", "True Audio"),
    (0, b"DSD ", "DSD"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"FLV\x01", "Flash video"),
    (0, b".RMF", "RealAudio"),
    (0, b"\x0bw", "AC-3"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (28, b"Speex   ", "Speex"),
    (28, b"\x80theora", "Ogg video"),
    (0, b".SoX", "SoX's own format"),
    (0, b"XoS.", "SoX's own format"),
    (8, b"AVI ", "AVI"),
)
_BRANDS = {b"M4A ": "M4A", b"M4B ": "M4B", b"qt  ": "QuickTime", b"3gp": "3GP"}


def format_name(head: bytes, suffix: str) -> str | None:
    """Return the name of a format by a file's first bytes and its suffix; None if it is unknown."""
    if head[4:8] == b"ftyp":
        return next((name for brand, name in _BRANDS.items() if head[8:].startswith(brand)), "MP4")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC"
    if head[:1] == b"G" and head[188:189] == b"G":
        return "an MPEG transport stream"
    for place, mark, name in _MARKS:
        if head[place:].startswith(mark):
            return name
    return suffix.lower() if suffix.lower() in _BY_NAME else None


def conversion(path: Path | None) -> str:
    """Return the command to convert a file to wav."""
    if path is None:
        return "ffmpeg -i INPUT -vn -ac 1 -ar 16000 output.wav"
    source, target = str(path), str(path.with_suffix(".wav"))
    if target == source:
        target = str(path.with_suffix(".converted.wav"))
    return f"ffmpeg -i {shlex.quote(source)} -vn -ac 1 -ar 16000 {shlex.quote(target)}"
