"""Audio files: whatever libsndfile reads, as one channel of float32.

The only module that knows soundfile, but for `sound_file`, which mends it. Files are decoded block
by block, so that their length costs no memory. Every way in which a file can be bad is an error
that names the file and the reason: a wrong transcript is worse than none. Knows nothing of the rate
that a model wants.
"""

import io
import os
import stat
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from voxport.audio import truncation
from voxport.errors import AudioFileError, AudioNotFoundError, InputError, accessing, naming
from voxport.optional_import import import_optional

EXTENSIONS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf")

_VIDEO = (".m4a", ".aac", ".mp4", ".webm")  # that people give, and libsndfile does not read
_BLOCK = 1 << 16  # frames read at a time: channels are mixed before the next block is read

# What comes through a pipe is kept, as the decoders seek in it: up to this many bytes in memory,
# more in a temporary file.
_KEPT_IN_MEMORY = 1 << 24
_PIPE_BLOCK = 1 << 20

# A file, the bytes of one, or an open one that is read from where it stands to its end.
Source: TypeAlias = Path | bytes | BinaryIO


@dataclass(frozen=True)
class Audio:
    """A decoded recording."""

    waveform: NDArray[np.float32]  # (S,) the mean of the channels
    sample_rate: int  # Hz


class AudioStream:
    """A recording that is being decoded, once, from its start to its end."""

    def __init__(self, file: Any, stream: BinaryIO) -> None:
        self._file, self._stream = file, stream
        self.sample_rate = int(file.samplerate)  # Hz
        is_known = 0 < file.frames < truncation.UNKNOWN_FRAMES
        self.seconds = file.frames / file.samplerate if is_known else None  # as the header has it

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The mean of the channels, (S,) at a time; the last is followed by the file's checks."""
        count = 0
        while len(block := self._read(count)):
            are_numbers = np.isfinite(block)
            if not are_numbers.all():
                seconds = (count + int(are_numbers.all(axis=1).argmin())) / self.sample_rate
                reason = "holds samples that are not numbers (NaN or infinite), near"
                raise AudioFileError(f"{reason} {seconds:.2f} s")
            count += len(block)
            yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        decoded = truncation.Decoded(self._file.format, self._file.frames, count)
        with accessing(None, AudioFileError):
            problem = truncation.problem(self._stream, decoded)
        if problem:
            raise AudioFileError(problem)
        if not count:
            raise AudioFileError("holds no audio (0 samples)")

    def _read(self, count: int) -> NDArray[np.float32]:
        """The block after `count` frames, (frames, channels)."""
        try:
            with accessing(None, AudioFileError):
                return self._file.read(_BLOCK, dtype="float32", always_2d=True)
        except _soundfile().LibsndfileError as error:
            with suppress(_soundfile().LibsndfileError), accessing(None, AudioFileError):
                count = self._file.tell()  # within the block, it has gone on as far as it could
            seconds = count / self.sample_rate
            reason = f"damaged or truncated after {seconds:.2f} s ({_reason(error)})"
            raise AudioFileError(reason) from None


@contextmanager
def open_audio(source: Source) -> Generator[AudioStream, None, None]:
    """Open the audio in ``source``, to be decoded within the block; its errors name no file."""
    soundfile = _soundfile()
    with _open(source) as stream:
        try:
            with accessing(None, AudioFileError):
                file = _open_sound(stream)
        except soundfile.LibsndfileError as error:
            raise AudioFileError(_unreadable(source, _reason(error))) from None
        except TypeError:  # soundfile's answer to a name that ends in .raw
            raise AudioFileError("raw samples without a header; write a wav file") from None
        with file:
            with accessing(None, AudioFileError):
                problem = truncation.problem_at_first(stream, file.format, file.extra_info)
            if problem:
                raise AudioFileError(problem)
            yield AudioStream(file, stream)


def read_audio(source: Source) -> Audio:
    """Read all of the audio in ``source``; an error names it, if it is a path."""
    named = naming(source) if isinstance(source, Path) else nullcontext()
    with named, open_audio(source) as stream:
        return Audio(np.concatenate(list(stream.blocks())), stream.sample_rate)


def libsndfile_version() -> str:
    """The version of the library behind soundfile."""
    return str(_soundfile().__libsndfile_version__)


def audio_files(path: Path) -> list[Path]:
    """`path` itself, or the audio files in a folder and its folders, by name, sorted."""
    with accessing(path, AudioFileError):
        if not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where it may not look)
            return [path]
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS)


@contextmanager
def _open(source: Source) -> Generator[BinaryIO, None, None]:
    """A stream to seek in, once it is known to hold something; soundfile never sees a name."""
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
    with accessing(None, AudioFileError):
        if not isinstance(source, Path):
            return _kept(source.read)
        try:
            mode = source.stat().st_mode
            if stat.S_ISDIR(mode):
                raise AudioFileError("is a folder; give the audio files in it")
            if stat.S_ISFIFO(mode):
                with source.open("rb", buffering=0) as pipe:
                    return _kept(pipe.read)
            if not stat.S_ISREG(mode):
                raise AudioFileError("is not a regular file")
            return source.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise AudioNotFoundError("there is no such file") from None


def _kept(read: Callable[[int], object]) -> BinaryIO:
    """All that `read` gives, to seek in."""
    with ExitStack() as opened:
        kept = opened.enter_context(tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY))
        while block := read(_PIPE_BLOCK):
            if not isinstance(block, bytes):
                raise InputError("open the file in binary mode: open(path, 'rb')")
            kept.write(block)
        opened.pop_all()
        return cast("BinaryIO", kept)


def _open_sound(stream: BinaryIO) -> Any:
    from voxport.audio.soundfile_stream import SoundFile

    file = SoundFile(stream)
    if file.frames >= truncation.UNKNOWN_FRAMES:
        # soundfile seeks after every read, which libsndfile cannot do here; it asks this first.
        file.seekable = lambda: False
    return file


def _unreadable(source: Source, reason: str) -> str:
    version = libsndfile_version()
    if isinstance(source, Path) and source.suffix.lower() in _VIDEO:
        return f"libsndfile {version} does not read {source.suffix}; convert it to wav or flac"
    if "regular file" in reason:  # what it says of an MP3 in which no frame is found
        reason = "Format not recognised"
    return f"not audio that libsndfile {version} reads, or damaged ({reason})"


def _reason(error: Any) -> str:
    """What libsndfile says of a file: "Error : flac decoder lost sync." without its frame."""
    return str(error.error_string).removeprefix("Error : ").rstrip(". ")


def _soundfile() -> Any:
    return import_optional(
        "soundfile", "reading audio files needs soundfile and libsndfile", "pip install soundfile"
    )
