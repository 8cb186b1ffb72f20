"""Audio files: all that libsndfile reads, and PyAV if it is installed, as one channel of float32.

The only module to know soundfile, but for ``soundfile_stream``; ``media_stream`` knows PyAV. Files
are decoded block by block, so their length costs no memory. Every bad file is an error with its
reason: a wrong transcript is worse than none. Knows nothing of a model's rate.
"""

import io
import os
import stat
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from voxport.audio import containers, media_formats, truncation, unsupported
from voxport.audio.audio_stream import AudioStream, reason_of
from voxport.audio.containers import Part
from voxport.audio.media_stream import MediaStream
from voxport.errors import (
    AudioFileError,
    AudioNotFoundError,
    InputError,
    VoxportError,
    accessing,
    naming,
)
from voxport.optional_import import import_optional

_LIBSNDFILE_EXTENSIONS = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aiff", ".aif", ".au", ".caf",
)  # fmt: skip
EXTENSIONS = (*_LIBSNDFILE_EXTENSIONS, *media_formats.EXTENSIONS)

# The content of a pipe is kept, as the decoders seek in it: up to this many bytes in memory, more
# in a temporary file.
_KEPT_IN_MEMORY_BYTES = 1 << 24
_PIPE_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 256  # that tell a format

# A file, the bytes of one, or an open one that is read from where it stands to its end.
Source: TypeAlias = Path | bytes | BinaryIO


@dataclass(frozen=True)
class Audio:
    """A decoded recording."""

    waveform: NDArray[np.float32]  # (S,) the mean of the channels
    sample_rate: int  # Hz


@contextmanager
def open_audio(source: Source) -> Generator[AudioStream | MediaStream, None, None]:
    """Open the audio in ``source``, to be decoded within the block; its errors name no file.

    Raises AudioFileError for no audio, damage and truncation visible before decoding;
    ``AudioStream.blocks`` raises it for the rest.
    """
    failure = _soundfile().LibsndfileError
    subject = str(source) if isinstance(source, Path) else "the audio"
    with _open(source) as stream:
        if media_formats.is_installed() and (demuxer := _find_demuxer(stream)):
            with closing(MediaStream(stream, demuxer, subject)) as media:
                yield media
            return
        try:
            with accessing(None, AudioFileError):
                parts = containers.split(stream)
                try:
                    audio = AudioStream(parts, _open_part, failure, subject)
                    container = audio.container
                except failure:  # a few other bytes may stand before MPEG audio
                    audio, container = None, "MP3"
                    if _known_format(stream) or not containers.split_as(container, stream, parts):
                        raise
                others = containers.split_as(container, stream, parts)
                if others or audio is None:
                    audio = AudioStream(others, _open_part, failure, subject)
        except failure as error:
            raise AudioFileError(_unreadable(source, stream, reason_of(error))) from None
        except TypeError:  # soundfile's answer to a name that ends in .raw
            raise AudioFileError("raw samples without a header; write a wav file") from None
        try:
            yield audio
        finally:
            audio.close()


def read_audio(source: Source) -> Audio:
    """Read all of the audio in ``source``; an error names it, if it is a path."""
    named = naming(source) if isinstance(source, Path) else nullcontext()
    with named, open_audio(source) as stream:
        return Audio(np.concatenate(list(stream.blocks())), stream.sample_rate)


def libsndfile_version() -> str:
    """Return the version of the library behind soundfile."""
    return str(_soundfile().__libsndfile_version__)


def audio_files(path: Path) -> list[Path]:
    """Return `path` itself, or the audio files in a folder and its folders, sorted by name."""
    with accessing(path, AudioFileError):
        if not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where it may not look)
            return [path]
        known = _LIBSNDFILE_EXTENSIONS if not media_formats.is_installed() else EXTENSIONS
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in known)


@contextmanager
def _open(source: Source) -> Generator[BinaryIO, None, None]:
    """Open a seekable stream, refused if empty; soundfile never sees a name."""
    with _stream(source) as stream:
        with accessing(None, AudioFileError):
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
        if not size:
            raise AudioFileError("the file is empty (0 bytes)")
        yield stream


def _stream(source: Source) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if not isinstance(source, Path):
        return _keep(_reader(source.read))
    with accessing(None, AudioFileError):
        try:
            mode = source.stat().st_mode
            if stat.S_ISDIR(mode):
                raise AudioFileError(_folder_reason(source))
            if stat.S_ISFIFO(mode):
                with source.open("rb", buffering=0) as pipe:
                    return _keep(pipe.read)
            if not stat.S_ISREG(mode):
                raise AudioFileError("is not a regular file")
            return source.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise AudioNotFoundError("there is no such file") from None


def _folder_reason(folder: Path) -> str:
    """Say of a folder in a recording's place what is in it; its folders are not searched."""
    inside = list(folder.iterdir())
    if any(path.suffix.lower() in EXTENSIONS for path in inside):
        return "is a folder; give the audio files in it"
    deeper = any(path.is_dir() for path in inside)
    advice = "; --recursive searches the folders in it" if deeper else ""
    return f"is a folder without audio files ({', '.join(EXTENSIONS[:5])} …){advice}"


def _reader(read: Callable[[int], object]) -> Callable[[int], object]:
    """Return `read` of a caller's stream, with any exception of it as an error about the stream.

    A truncated gzip raises EOFError or zlib.error, a network's stream what its library has: none of
    them an OSError, and each of them about this one recording.
    """

    def read_or_refuse(size: int) -> object:
        try:
            return read(size)
        except VoxportError:
            raise
        except Exception as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise AudioFileError(f"cannot be read: {reason}") from error

    return read_or_refuse


def _keep(read: Callable[[int], object]) -> BinaryIO:
    """Keep all bytes of `read`, to seek in."""
    with ExitStack() as opened, accessing(None, AudioFileError):
        kept = opened.enter_context(tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY_BYTES))
        while block := read(_PIPE_BLOCK_BYTES):
            if not isinstance(block, bytes):
                raise InputError("open the file in binary mode: open(path, 'rb')")
            kept.write(block)
        opened.pop_all()
        return cast("BinaryIO", kept)


def _open_part(part: Part) -> Any:
    """Open a part with soundfile; raises AudioFileError if its headers show it to be cut."""
    from voxport.audio.soundfile_stream import SoundFile

    part.stream.seek(0)
    file = SoundFile(part.stream)
    # soundfile seeks after every read, unless this says that it cannot. libsndfile cannot in a FLAC
    # of unknown length; in an MP3 the next frames then lack bits of those before, and libmpg123
    # prints so.
    file.seekable = lambda: False
    if not part.is_checked:
        opened = truncation.Opened(file.format, file.frames, file.samplerate, file.extra_info)
        if problem := truncation.problem_at_first(part.stream, opened):
            file.close()
            raise AudioFileError(problem)
    return file


def _find_demuxer(stream: BinaryIO) -> str | None:
    with accessing(None, AudioFileError):
        demuxer = media_formats.find_demuxer(stream)
        stream.seek(0)
        return demuxer


def _known_format(stream: BinaryIO) -> str | None:
    """Return the name of another format by its first bytes: its frames may look like MPEG's."""
    stream.seek(0)
    return unsupported.format_name(stream.read(_HEAD_BYTES), "")


def _unreadable(source: Source, stream: BinaryIO, reason: str) -> str:
    version = libsndfile_version()
    path = source if isinstance(source, Path) else None
    stream.seek(0)
    kind = unsupported.format_name(stream.read(_HEAD_BYTES), path.suffix if path else "")
    if kind:
        is_media = not media_formats.is_installed() and _find_demuxer(stream)
        advice = f": {media_formats.REMEDY}, or" if is_media else ";"
        advice += f" convert it to wav or flac: {unsupported.conversion(path)}"
        return f"libsndfile {version} does not read {kind}{advice}"
    if "unsupported" in reason or "Malformed 'fmt '" in reason:  # AC-3 or G.722 in wav, for two
        reason += f"; convert it to wav or flac: {unsupported.conversion(path)}"
    if "regular file" in reason:  # what it says of an MP3 in which no frame is found
        reason = "Format not recognised"
    return f"not audio that libsndfile {version} reads, or damaged ({reason})"


def _soundfile() -> Any:
    return import_optional(
        "soundfile", "reading audio files needs soundfile and libsndfile", "pip install soundfile"
    )
