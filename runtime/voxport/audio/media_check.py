"""Containers of PyAV's: lengths by their own headers against the bytes that are there.

FFmpeg plays what is left of a cut file. So the boxes of an mp4, the elements of a Matroska file,
the objects of a WMA and the frames of raw AAC are walked here, before anything is decoded. Knows
the containers' outlines, no codec.
"""

from typing import BinaryIO

from voxport.audio import tags
from voxport.audio.media_formats import (
    ac3_frame_bytes,
    adts_frame_bytes,
    is_adts,
)
from voxport.audio.truncation import CUT

_MAX_TOP_BOXES = 1_000_000
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_AMR_MARKS = (b"#!AMR-WB\n", b"#!AMR\n")
_AMR_SIZES = {  # bytes of a frame behind its first, by its type
    b"#!AMR\n": (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0),
    b"#!AMR-WB\n": (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0),
}
_AC3_HEADER_BYTES = 6
_ID3V1_BYTES, _ID3V2_HEADER_BYTES = 128, 10


def problem(file: BinaryIO, demuxer: str) -> str | None:
    """Return the reason why a file is not whole, as far as its outline tells, or None."""
    size = file.seek(0, 2)
    file.seek(0)
    checks = {
        "mov": _boxes,
        "matroska": _elements,
        "asf": _objects,
        "aac": _adts,
        "ac3": _ac3,
        "eac3": _ac3,
        "amr": _amr,
    }
    check = checks.get(demuxer)
    return check(file, size) if check else None


def missing_bytes(file: BinaryIO, demuxer: str, decoded: int) -> int:
    """Return the bytes of a raw stream that are in no packet, its header and tags left out."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    if demuxer == "amr":
        size -= next((len(mark) for mark in _AMR_MARKS if head.startswith(mark)), 0)
    return max(0, size - _tag_bytes(file, size) - decoded)


def _boxes(file: BinaryIO, size: int) -> str | None:
    """Walk the boxes of an mp4 or QuickTime file: the last must end where the file does."""
    place, names = 0, set[bytes]()
    for _ in range(_MAX_TOP_BOXES):
        if place >= size:
            break
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return None if not head.strip(b"\0") and names else CUT
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0 and name == b"\0\0\0\0":
            break  # zeros behind the last box
        if length == 0:  # to the end of the file
            length = size - place
        if length < 8 or place + length > size:
            return CUT
        names.add(name)
        place += length
    if b"moov" not in names:
        return f"{CUT} (its index, the box moov, is missing)"
    return None


def _elements(file: BinaryIO, size: int) -> str | None:
    """Walk the segments of a Matroska file, their clusters and the blocks in these.

    FFmpeg looks for the next cluster behind an element that makes no sense, and leaves out what is
    between. A browser's recorder writes segments and clusters of unknown length.
    """
    place = 0
    ends = [size]  # of the masters around `place`
    while place < size:
        element = _element(file, place)
        if element is None:
            return CUT
        name, start, length = element
        is_master = name in (_SEGMENT, _CLUSTER)
        if length is None and not is_master:
            return CUT
        end = ends[-1] if length is None else start + length
        if end > size:
            return CUT
        if end > ends[-1]:
            return f"damaged: the element at byte {place} is longer than the one around it"
        if is_master:
            ends.append(end)
        place = start if is_master else end
        while len(ends) > 1 and place == ends[-1]:
            ends.pop()
    return None


def _element(file: BinaryIO, place: int) -> tuple[int, int, int | None] | None:
    """Return an element's id, the start of its content, and its length; None if it is cut."""
    file.seek(place)
    head = file.read(12)
    if not head:
        return None
    id_bytes = 9 - head[0].bit_length()
    if id_bytes > 4 or len(head) <= id_bytes:
        return None
    name = int.from_bytes(head[:id_bytes], "big")
    first = head[id_bytes]
    length_bytes = 9 - first.bit_length()
    if length_bytes > 8 or len(head) < id_bytes + length_bytes:
        return None
    value = int.from_bytes(head[id_bytes : id_bytes + length_bytes], "big")
    mask = (1 << 7 * length_bytes) - 1
    length = None if value & mask == mask else value & mask
    return name, place + id_bytes + length_bytes, length


def _objects(file: BinaryIO, size: int) -> str | None:
    """Compare an ASF file with the size that its header records, and walk its objects."""
    file.seek(0)
    head = file.read(1 << 16)
    place = head.find(_ASF_PROPERTIES)
    if place >= 0 and len(head) >= place + 92:
        recorded = int.from_bytes(head[place + 40 : place + 48], "little")
        is_live = head[place + 88] & 1
        if not is_live and recorded > size:
            return CUT
    place = 0
    while place + 24 <= size:
        file.seek(place)
        guid, length = file.read(16), int.from_bytes(file.read(8), "little")
        if guid == _ASF_DATA and length <= 50:  # a live recording: to the end
            return None
        if length < 24 or place + length > size:
            return CUT
        place += length
    return None


def _adts(file: BinaryIO, size: int) -> str | None:
    """Walk AAC frames: each starts where the one before ends."""
    place = _id3v2_bytes(file)
    end = size - _tag_bytes(file, size) + place
    while place < end:
        file.seek(place)
        head = file.read(7)
        if len(head) < 7:
            return CUT
        if not is_adts(head):
            return f"damaged: byte {place} belongs to no frame of AAC"
        length = adts_frame_bytes(head)
        if length < 7:
            return f"damaged: the frame of AAC at byte {place} has no length"
        place += length
    return CUT if place > end else None


def _ac3(file: BinaryIO, size: int) -> str | None:
    """Walk AC-3 and E-AC-3 frames: each starts where the one before ends."""
    place, end = 0, size - _tag_bytes(file, size)
    while place < end:
        file.seek(place)
        head = file.read(_AC3_HEADER_BYTES)
        if len(head) < _AC3_HEADER_BYTES:
            return CUT
        length = ac3_frame_bytes(head)
        if not length:
            return f"damaged: byte {place} belongs to no frame of AC-3"
        place += length
    return CUT if place > end else None


def _amr(file: BinaryIO, size: int) -> str | None:
    """Walk AMR frames by the sizes of their types."""
    file.seek(0)
    head = file.read(16)
    mark = next((mark for mark in _AMR_MARKS if head.startswith(mark)), None)
    if mark is None:
        return None
    sizes = _AMR_SIZES[mark]
    place = len(mark)
    while place < size:
        file.seek(place)
        place += 1 + sizes[file.read(1)[0] >> 3 & 15]
    return CUT if place > size else None


def _id3v2_bytes(file: BinaryIO) -> int:
    file.seek(0)
    return tags.id3_size(file.read(_ID3V2_HEADER_BYTES))


def _tag_bytes(file: BinaryIO, size: int) -> int:
    """Return the bytes of tags before and behind a raw stream."""
    count = _id3v2_bytes(file)
    if size >= _ID3V1_BYTES:
        file.seek(size - _ID3V1_BYTES)
        count += _ID3V1_BYTES if file.read(3) == b"TAG" else 0
    return count
