"""AU, AIFF and CAF files: samples behind the end that a header claims, and unknown sizes.

libsndfile believes these headers, so that a recording whose recorder wrote a wrong length would end
early without a word. (It reads W64 to the end of the file, whatever the header says.) Knows
bytes and lengths, decodes nothing.
"""

from dataclasses import dataclass
from typing import BinaryIO

from voxport.audio import limits, tags
from voxport.audio.spliced import Spliced
from voxport.errors import AudioFileError

_AU = {b".snd": "big", b"dns.": "little"}
_UNKNOWN_AU = b"\xff" * 4
_UNKNOWN = -1  # a CAF file's samples go on to the end of the file
_MAX_CHUNKS = 1 << 12
_LOOKED_AT_BYTES = 1 << 12


@dataclass(frozen=True)
class _Layout:
    """Chunks of one container, whose names have four characters; sizes are big-endian."""

    first: int  # place of the first chunk
    size_bytes: int
    alignment: int  # bytes, of a chunk's start
    data: bytes  # the name of the chunk of samples

    @property
    def header(self) -> int:
        return 4 + self.size_bytes


_LAYOUTS = {b"FORM": _Layout(12, 4, 2, b"SSND"), b"caff": _Layout(8, 8, 1, b"data")}


def is_sized(head: bytes) -> bool:
    """Tell whether `head` starts a file of one of these kinds."""
    if head[:4] == b"FORM":
        return head[8:12] in (b"AIFF", b"AIFC")
    return head[:4] in (*_AU, b"caff")


def whole(file: BinaryIO, head: bytes) -> Spliced | None:
    """Return the file with the size that its samples have, None if its header is right.

    Raises AudioFileError for samples behind the claimed ones that no header tells of.
    """
    if head[:4] in _AU:
        return _whole_au(file, head)
    return _whole_chunks(file, _LAYOUTS[head[:4]])


def _whole_au(file: BinaryIO, head: bytes) -> Spliced | None:
    order = "big" if head[:4] == b".snd" else "little"
    start, claimed = (int.from_bytes(head[i : i + 4], order) for i in (4, 8))
    size = file.seek(0, 2)
    if not claimed or head[8:12] == _UNKNOWN_AU or _is_harmless(file, start + claimed, size):
        return None
    return Spliced(file, [head[:8], _UNKNOWN_AU, (12, size)])


def _whole_chunks(file: BinaryIO, layout: _Layout) -> Spliced | None:
    size, place = file.seek(0, 2), layout.first
    samples = False
    for _ in range(_MAX_CHUNKS):
        head = _read(file, place, layout.header)
        if not _is_chunk(head, layout):
            if samples and not _is_harmless(file, place, size):
                raise AudioFileError(
                    f"damaged: {size - place} bytes behind the samples belong to no chunk; "
                    "was the recorder stopped before it wrote the length?"
                )
            return None
        if head[:4] in _LAYOUTS and samples:
            raise AudioFileError("holds several files joined, of which only one would be heard")
        content = place + layout.header
        claimed = int.from_bytes(head[4:], "big", signed=layout.size_bytes == 8)
        if head[:4] == layout.data:
            if claimed == _UNKNOWN:
                known = (size - content).to_bytes(8, "big")
                return Spliced(file, [(0, content - 8), known, (content, size)])
            if claimed <= 8:  # not written: libsndfile reads on to the end
                return None
            samples = True
        if claimed < 0:
            return None
        end = content + claimed
        padded = end + -end % layout.alignment
        is_unpadded = not _is_chunk(_read(file, padded, layout.header), layout)
        place = (
            end if is_unpadded and _is_chunk(_read(file, end, layout.header), layout) else padded
        )
    return None


def _is_chunk(head: bytes, layout: _Layout) -> bool:
    return len(head) == layout.header and all(32 <= byte < 127 for byte in head[:4])


def _is_harmless(file: BinaryIO, place: int, size: int) -> bool:
    """Return whether what stands from `place` on is no audio: next to nothing, a tag, zeros."""
    if size - place <= limits.MAX_MISSING_BYTES:
        return True
    found = _read(file, place, _LOOKED_AT_BYTES)
    return bool(tags.tag_size(found)) or not found.strip(b"\0")


def _read(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
