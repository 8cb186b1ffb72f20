"""Parts of an audio file, decoded one after another: one in most files.

A header's word on the length is not believed: MPEG and FLAC frames, Ogg pages and wav chunks are
counted, each in a module of its own. A file with missing audio is refused here, before an hour is
decoded. Knows each container's module; decodes nothing.
"""

from dataclasses import dataclass
from typing import BinaryIO, cast

from voxport.audio import claimed_sizes, flac, mpeg, ogg, riff, sds, tags, voc
from voxport.audio.spliced import Spliced
from voxport.errors import AudioFileError

_HEAD_BYTES = 64
_VOC_HEAD_BYTES = 26


@dataclass(frozen=True)
class Part:
    """A stream for one decoder, and the known facts of its content."""

    stream: BinaryIO
    seconds: float | None = None  # None: as libsndfile says
    is_checked: bool = False  # whether nothing is missing by the container's own count
    is_mpeg: bool = False
    min_samples: int = 0  # that a complete decode gives
    flac_stream: flac.Part | None = None  # with the MD5 of its samples


def split(file: BinaryIO) -> list[Part]:
    """Split a file into its parts; raises AudioFileError if audio is missing."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    parts = _split(file, head, tags.id3_size(head))
    file.seek(0)
    return parts or [Part(file)]


def split_as(container: str, file: BinaryIO, parts: list[Part]) -> list[Part]:
    """Split a file by libsndfile's word on its container, if its first bytes did not tell.

    Empty if `parts` are right. Frames and pages may start behind a few other bytes.
    """
    if container not in ("MP3", "OGG") or parts[0].is_checked:
        return []
    if container == "OGG":
        return _ogg_parts(file)
    return _mpeg_parts(file, 0, file.seek(0, 2)) if mpeg.starts_near(file) else []


def _split(file: BinaryIO, head: bytes, tag: int) -> list[Part]:
    if sds.is_sds(head):
        if problem := sds.problem(file):
            raise AudioFileError(problem)
    elif riff.is_riff(head):
        return _wav_parts(file)
    elif voc.is_voc(head):
        view = voc.joined(file, head[:_VOC_HEAD_BYTES])
        return [Part(cast("BinaryIO", view), is_checked=True)] if view else []
    elif claimed_sizes.is_sized(head):
        view = claimed_sizes.whole(file, head)
        return [Part(cast("BinaryIO", view))] if view else []
    else:
        file.seek(tag)
        mark = file.read(4)
        if mark == b"fLaC":
            return [_flac_part(part) for part in flac.split(file)]
        if b"OggS" in (mark, head[:4]):
            return _ogg_parts(file)
        if mpeg.starts_here(file):
            return _mpeg_parts(file, 0, file.seek(0, 2))
    return []


def _wav_parts(file: BinaryIO) -> list[Part]:
    parts: list[Part] = []
    for wave in riff.split(file):
        if riff.is_mpeg(wave):
            parts += _mpeg_parts(file, *wave.data)
        else:
            view = cast("BinaryIO", Spliced(file, riff.pieces(file, wave)))
            parts.append(Part(view, is_checked=True))
    return parts


def _ogg_parts(file: BinaryIO) -> list[Part]:
    parts: list[Part] = []
    for link in ogg.split(file):
        view = cast("BinaryIO", Spliced(file, link))
        if native := ogg.native_flac(view):  # libsndfile does not read what ffmpeg writes
            parts += [_flac_part(part) for part in flac.split(cast("BinaryIO", native))]
        else:
            parts.append(Part(view, is_checked=True))
    return parts


def _mpeg_parts(file: BinaryIO, start: int, end: int) -> list[Part]:
    return [
        Part(
            cast("BinaryIO", part.stream),
            seconds=part.samples / part.rate,
            is_checked=True,
            is_mpeg=True,
            min_samples=part.samples - part.tolerance,
        )
        for part in mpeg.split(file, start, end)
    ]


def _flac_part(part: flac.Part) -> Part:
    return Part(
        cast("BinaryIO", part.stream),
        seconds=part.samples / part.rate if part.rate else None,
        is_checked=True,
        min_samples=part.samples,
        flac_stream=part,
    )
