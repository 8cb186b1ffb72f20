"""Audio files: whatever libsndfile reads, as one channel of float32.

The only module that knows soundfile. Every way in which a file can be bad is an error that names
the file and the reason: a wrong transcript is worse than none. Knows nothing of the rate that a
model wants.
"""

import importlib
import io
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport import truncation
from voxport.errors import AudioFileError, AudioNotFoundError, MissingDependencyError

EXTENSIONS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf")

_BLOCK = 1 << 16  # frames read at a time: channels are mixed before the next block is read
_UNKNOWN_FRAMES = 1 << 62  # libsndfile's count for a FLAC that was written to a pipe is 2**63 - 1
_MPEG_SLACK = 2 * 1152  # frames: the encoder's delay and padding are not counted alike everywhere


@dataclass(frozen=True)
class Audio:
    """A decoded recording."""

    waveform: NDArray[np.float32]  # (S,) the mean of the channels
    sample_rate: int  # Hz


def read_audio(source: Path | bytes, name: str) -> Audio:
    """The audio in a file, or in a file's bytes; `name` stands for it in messages."""
    source = _readable(source, name)
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as f:
            return _decode(f, source, name)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{name}: {_unreadable(source, _reason(error))}") from None
    except TypeError:  # soundfile's answer to a name that ends in .raw
        raise AudioFileError(f"{name}: raw samples without a header; write a wav file") from None


def libsndfile_version() -> str:
    """The version of the library behind soundfile."""
    return str(_soundfile().__libsndfile_version__)


def audio_files(path: Path) -> list[Path]:
    """`path` itself, or the audio files in a folder and its folders, by name, sorted."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS)


def _readable(source: Path | bytes, name: str) -> Path | bytes:
    """`source`, as bytes if it is a pipe, once it is known to be there and not empty."""
    if isinstance(source, Path):
        with _naming(name):
            mode = source.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioFileError(f"{name}: is a folder; give the audio files in it")
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise AudioFileError(f"{name}: is not a regular file")
        with _naming(name), source.open("rb") as file:
            source = file.read() if stat.S_ISFIFO(mode) else source
    if not (len(source) if isinstance(source, bytes) else source.stat().st_size):
        raise AudioFileError(f"{name}: the file is empty (0 bytes)")
    return source


@contextmanager
def _naming(name: str) -> Generator[None, None, None]:
    """The operating system's errors as voxport's."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise AudioNotFoundError(f"{name}: there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(f"{name}: cannot be read: {reason}") from None


def _decode(file: Any, source: Path | bytes, name: str) -> Audio:
    blocks: list[NDArray[np.float32]] = []
    count = 0
    try:
        for block in _blocks(file):
            _check_finite(block, count / file.samplerate, name)
            mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
            blocks.append(mono)
            count += len(mono)
    except _soundfile().LibsndfileError as error:
        raise AudioFileError(
            f"{name}: damaged or truncated after {count} samples ({_reason(error)})"
        ) from None
    if _is_cut(file, source, count):
        raise AudioFileError(
            f"{name}: truncated: the file ends before its audio does, after {count} samples "
            f"({count / file.samplerate:.2f} s)"
        )
    if not count:
        raise AudioFileError(f"{name}: holds no audio (0 samples)")
    return Audio(np.concatenate(blocks), file.samplerate)


def _blocks(file: Any) -> Iterator[NDArray[np.float32]]:
    """Blocks of (frames, channels)."""
    if file.frames >= _UNKNOWN_FRAMES:
        # soundfile seeks after every read, which libsndfile cannot do here; it asks this first.
        file.seekable = lambda: False
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        yield block


def _check_finite(block: NDArray[np.float32], start: float, name: str) -> None:
    if not np.isfinite(block).all():
        raise AudioFileError(
            f"{name}: holds samples that are not numbers (NaN or infinite), near {start:.2f} s"
        )


def _is_cut(file: Any, source: Path | bytes, count: int) -> bool:
    if truncation.chunk_is_cut(file.extra_info):
        return True
    if file.format == "OGG":
        return truncation.ogg_is_cut(_slice(source, -truncation.TAIL))
    if file.format == "MP3":
        tag = truncation.id3_size(_slice(source, 0))
        known = truncation.mpeg_knows_its_length(_slice(source, tag))
        return known and count + _MPEG_SLACK < file.frames
    return count < file.frames < _UNKNOWN_FRAMES


def _slice(source: Path | bytes, start: int) -> bytes:
    """The first HEAD bytes from `start`, or all of the last bytes where it is negative."""
    if isinstance(source, bytes):
        return source[start:] if start < 0 else source[start : start + truncation.HEAD]
    with source.open("rb") as file:
        if start < 0:
            file.seek(max(0, source.stat().st_size + start))
            return file.read()
        file.seek(start)
        return file.read(truncation.HEAD)


def _unreadable(source: Path | bytes, reason: str) -> str:
    version = libsndfile_version()
    if isinstance(source, Path) and source.suffix.lower() in {".m4a", ".aac", ".mp4", ".webm"}:
        return f"libsndfile {version} does not read {source.suffix}; convert it to wav or flac"
    if "regular file" in reason:  # what it says of an MP3 in which no frame is found
        reason = "Format not recognised"
    return f"not audio that libsndfile {version} reads, or damaged ({reason})"


def _reason(error: Any) -> str:
    """What libsndfile says of a file: "Error : flac decoder lost sync." without its frame."""
    return str(error.error_string).removeprefix("Error : ").rstrip(". ")


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    except (ImportError, OSError) as error:  # OSError: the package is there, libsndfile is not
        raise MissingDependencyError(
            f"reading audio files needs soundfile and libsndfile: pip install soundfile ({error})"
        ) from error
