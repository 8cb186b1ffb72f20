"""Audio files: whatever libsndfile reads, as one channel of float32.

The only module that knows soundfile. Every way in which a file can be bad is an error that names
the file and the reason: a wrong transcript is worse than none. Knows nothing of the rate that a
model wants.
"""

import io
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voxport import optional, truncation
from voxport.errors import AudioFileError, AudioNotFoundError, accessing

EXTENSIONS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf")

_VIDEO = (".m4a", ".aac", ".mp4", ".webm")  # that people give, and libsndfile does not read
_BLOCK = 1 << 16  # frames read at a time: channels are mixed before the next block is read


@dataclass(frozen=True)
class Audio:
    """A decoded recording."""

    waveform: NDArray[np.float32]  # (S,) the mean of the channels
    sample_rate: int  # Hz


def read_audio(source: Path | bytes, name: str) -> Audio:
    """The audio in a file, or in a file's bytes; `name` stands for it in messages."""
    soundfile = _soundfile()
    with _open(source, name) as stream:
        try:
            with soundfile.SoundFile(stream) as file:
                return _decode(file, stream, name)
        except soundfile.LibsndfileError as error:
            raise AudioFileError(_unreadable(source, _reason(error)), name) from None
        except TypeError:  # soundfile's answer to a name that ends in .raw
            raise AudioFileError("raw samples without a header; write a wav file", name) from None


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
def _open(source: Path | bytes, name: str) -> Generator[BinaryIO, None, None]:
    """A stream to seek in, once it is known to hold something; soundfile never sees a name."""
    with _stream(source, name) as stream:
        with accessing(name, AudioFileError):
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
        if not size:
            raise AudioFileError("the file is empty (0 bytes)", name)
        yield stream


def _stream(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    with accessing(name, AudioFileError):
        try:
            mode = source.stat().st_mode
            if stat.S_ISDIR(mode):
                raise AudioFileError("is a folder; give the audio files in it", name)
            if stat.S_ISFIFO(mode):
                return io.BytesIO(source.read_bytes())
            if not stat.S_ISREG(mode):
                raise AudioFileError("is not a regular file", name)
            return source.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise AudioNotFoundError("there is no such file", name) from None


def _decode(file: Any, stream: BinaryIO, name: str) -> Audio:
    blocks: list[NDArray[np.float32]] = []
    count = 0
    try:
        for block in _blocks(file):
            if not np.isfinite(block).all():
                raise AudioFileError(
                    "holds samples that are not numbers (NaN or infinite), "
                    f"near {count / file.samplerate:.2f} s",
                    name,
                )
            blocks.append(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1))
            count += len(block)
    except _soundfile().LibsndfileError as error:
        reason = f"damaged or truncated after {count} samples ({_reason(error)})"
        raise AudioFileError(reason, name) from None
    decoded = truncation.Decoded(file.format, file.extra_info, file.frames, count)
    if problem := truncation.problem(stream, decoded):
        raise AudioFileError(problem, name)
    if not count:
        raise AudioFileError("holds no audio (0 samples)", name)
    return Audio(np.concatenate(blocks), file.samplerate)


def _blocks(file: Any) -> Iterator[NDArray[np.float32]]:
    """Blocks of (frames, channels)."""
    if file.frames >= truncation.UNKNOWN_FRAMES:
        # soundfile seeks after every read, which libsndfile cannot do here; it asks this first.
        file.seekable = lambda: False
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        yield block


def _unreadable(source: Path | bytes, reason: str) -> str:
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
    return optional.load(
        "soundfile", "reading audio files needs soundfile and libsndfile", "pip install soundfile"
    )
