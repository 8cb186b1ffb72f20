"""Creative Voice files (VOC) block by block: cut ones, and samples in several blocks.

libsndfile takes everything behind the first block's header for samples, headers of further blocks
included.
"""

from typing import BinaryIO

from voxport.audio import limits
from voxport.audio.spliced import Piece, Spliced
from voxport.errors import AudioFileError

_MARK = b"Creative Voice File\x1a"
_END, _SOUND, _CONTINUATION, _SOUND_II = 0, 1, 2, 9
_SAMPLES = (_SOUND, _CONTINUATION, _SOUND_II)


def is_voc(head: bytes) -> bool:
    """Return whether `head` starts a Creative Voice file."""
    return head.startswith(_MARK) and len(head) >= 26


def joined(file: BinaryIO, head: bytes) -> Spliced | None:
    """Return the file with its samples in one block, None if they are or cannot be.

    Raises AudioFileError for missing samples.
    """
    size, place = file.seek(0, 2), int.from_bytes(head[20:22], "little")
    kinds: list[int] = []
    ranges: list[tuple[int, int]] = []
    while place < size:
        file.seek(place)
        block = file.read(4)
        if not block or block[0] == _END:
            break
        end = place + 4 + int.from_bytes(block[1:], "little")
        if len(block) < 4 or end - size > limits.MAX_MISSING_BYTES:
            raise AudioFileError("truncated: the file ends before its audio does")
        kinds.append(block[0])
        ranges.append((place + 4, min(end, size)))
        place = end
    sound = [bounds for kind, bounds in zip(kinds, ranges, strict=True) if kind in _SAMPLES]
    total = sum(end - start for start, end in sound)
    if len(sound) < 2 or any(kind != _CONTINUATION for kind in kinds[1:]) or total >= 1 << 24:
        return None
    first = sound[0][0] - 4
    pieces: list[Piece] = [(0, first), bytes([kinds[0]]) + total.to_bytes(3, "little")]
    return Spliced(file, [*pieces, *sound, b"\0"])
