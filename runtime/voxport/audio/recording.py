"""Audio input of any kind as one stream of samples at the model's rate.

Files, their bytes, open files and arrays become a ``Recording`` here, so that nothing after this
knows where audio came from. Knows a rate to resample to, nothing else of the model.
"""

import operator
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from voxport.audio import limits
from voxport.audio.files import Source, open_audio
from voxport.audio.resample import Resampler
from voxport.errors import AudioError, InputError, naming

AudioInput: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any]

_BLOCK_SAMPLES = 1 << 20  # of an array, resampled at a time
# As a path, which keeps one stroke of two, an address looks like "https:/example.org".
_ADDRESS = re.compile(r"(https?|ftps?|s3|gs|rtmps?|rtsp|file):/", re.IGNORECASE)


@dataclass(frozen=True)
class Clip:
    """A waveform at the model's rate."""

    waveform: NDArray[np.float32]  # (S,)
    seconds: float  # as recorded: the clip's samples by its own rate


class Recording:
    """A stream of samples at the model's rate: read once, with one part of it in memory.

    A context manager: closing it closes the file behind it.
    """

    def __init__(
        self,
        blocks: Iterable[NDArray[np.float32]],
        rate: int,  # Hz, of the blocks
        model_rate: int,  # Hz, of what is read
        seconds: float | None,  # the promised length, where one is known
        resources: ExitStack,
    ) -> None:
        self.promised = seconds
        self._rate = rate
        self._taken = 0  # samples of the blocks
        self._parts = self._resample(blocks, Resampler(rate, model_rate))
        self._ready = np.zeros(0, np.float32)
        self._resources = resources

    def read(self, samples: int) -> NDArray[np.float32]:
        """Return the next `samples`; fewer only at the recording's end."""
        self._prepare(samples)
        given, self._ready = self._ready[:samples], self._ready[samples:]
        return given

    def read_all(self) -> Clip:
        """Read the whole recording."""
        waveform = self.read(sys.maxsize)
        return Clip(waveform, self.seconds)

    def exceeds(self, samples: int) -> bool:
        """Return whether more than `samples` are still to be read."""
        self._prepare(samples + 1)
        return len(self._ready) > samples

    @property
    def ready(self) -> int:
        """Samples at hand for the next ``read``."""
        return len(self._ready)

    @property
    def seconds(self) -> float:
        """Length of the audio decoded so far: its own samples by its own rate."""
        return self._taken / self._rate

    def close(self) -> None:
        """Close the file behind it."""
        self._resources.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, samples: int) -> None:
        """Decode until `samples` are at hand, or the recording ends."""
        parts, count = [self._ready], len(self._ready)
        while count < samples and (part := next(self._parts, None)) is not None:
            parts.append(part)
            count += len(part)
        if len(parts) > 1:
            self._ready = np.concatenate(parts)

    def _resample(
        self, blocks: Iterable[NDArray[np.float32]], resampler: Resampler
    ) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self._taken += len(block)
            yield resampler.push(block)
        yield resampler.finish()


def open_recording(audio: AudioInput, model_rate: int, sample_rate: int | None = None) -> Recording:
    """Open `audio` at `model_rate` (Hz); `sample_rate` is the rate of an array, if not the same.

    Errors, the recording's later ones too, name no recording: the caller does (`errors.naming`).
    """
    if hasattr(audio, "__array__"):
        waveform = _waveform(_read_array(audio))
        rate = _check_rate(model_rate if sample_rate is None else _integer_rate(sample_rate))
        seconds = len(waveform) / rate
        return Recording(_blocks(waveform), rate, model_rate, seconds, ExitStack())
    with ExitStack() as opened:
        stream = opened.enter_context(open_audio(_source(audio)))
        rate, seconds = _check_rate(stream.sample_rate), stream.seconds
        return Recording(stream.blocks(), rate, model_rate, seconds, opened.pop_all())


def read_clip(audio: AudioInput, model_rate: int, sample_rate: int | None = None) -> Clip:
    """Read the whole of `audio` at `model_rate` (Hz); an error names it."""
    with naming(name_of(audio)), open_recording(audio, model_rate, sample_rate) as recording:
        return recording.read_all()


def require_sequence(audio: Any) -> Iterable[AudioInput]:
    """Return `audio` if it is several recordings; one path would come apart into its letters."""
    given: Any = audio
    is_one = isinstance(audio, (str, bytes, bytearray, memoryview)) or hasattr(given, "read")
    if is_one or hasattr(given, "__array__") or not hasattr(given, "__iter__"):
        raise InputError(
            "expected a list of recordings, or an iterator over them, got "
            f"{type(given).__name__} (one recording: transcribe(audio), or [audio])"
        )
    return cast("Iterable[AudioInput]", given)


def name_of(audio: AudioInput, otherwise: str = "the audio") -> str:
    """Return the name of `audio` in messages: its path, if it has one."""
    if isinstance(audio, (str, os.PathLike)):
        return os.fsdecode(audio) or otherwise
    return str(getattr(audio, "name", None) or otherwise)  # a gzip of bytes has ""


def _source(audio: Any) -> Source:
    if isinstance(audio, (str, os.PathLike)):
        path = os.fsdecode(cast("str | os.PathLike[str]", audio))
        if not path:
            raise InputError("expected the path of an audio file, got ''")
        if _ADDRESS.match(path):
            raise InputError(
                "is an address, and audio is read from files: download it first "
                f"(curl -LO '{path}'), then give the file"
            )
        return Path(path)
    if isinstance(audio, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", audio))
    if callable(getattr(audio, "read", None)):
        return audio
    raise InputError(
        "expected a path, a numpy array, bytes or an open binary file, "
        f"got {type(audio).__name__} (samples go in one array: np.array(samples, np.float32))"
    )


def _blocks(waveform: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(waveform), _BLOCK_SAMPLES):
        yield waveform[start : start + _BLOCK_SAMPLES]


def _read_array(audio: Any) -> NDArray[Any]:
    """Return the array behind `audio`; whatever its own conversion raises is one recording's."""
    try:
        return np.asarray(audio)
    except Exception as error:
        raise AudioError(f"cannot be read as an array: {error}") from error


def _waveform(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return the waveform (S,) of an array of [samples] or [samples, channels]."""
    if array.ndim == 2:
        is_waveform = limits.channels_problem(array.shape[1]) is None
    else:
        is_waveform = array.ndim == 1
    if not is_waveform:
        raise AudioError(
            "expected an array of [samples] or [samples, channels], "
            f"got the shape {list(array.shape)} (transpose [channels, samples]; for "
            "a batch give a list of arrays)"
        )
    samples = _scale(array)
    if problem := limits.samples_problem(samples):
        raise AudioError(problem)
    if array.dtype == np.int32 and limits.is_silence(samples):
        raise AudioError(
            "the whole recording is below -90 dB: an array of int32 has full scale at 2**31, and "
            "these are samples of 16 bits; give array.astype(np.int16)"
        )
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def _scale(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples as float32: integers divided by their type's full scale, as in a wav file."""
    kind = array.dtype
    if kind.kind == "f":
        with np.errstate(over="ignore"):  # what does not fit is refused as infinite
            return array.astype(np.float32, copy=False)
    if kind.kind == "i" and kind.itemsize <= 4:
        return (array / 2.0 ** (8 * kind.itemsize - 1)).astype(np.float32)
    if kind == np.uint8:
        return ((array.astype(np.float32) - 128) / 128).astype(np.float32)
    raise AudioError(
        f"expected float samples of -1 to 1, or int8, uint8, int16 or int32, got {kind}"
    )


def _check_rate(rate: int) -> int:
    if problem := limits.rate_problem(rate):
        raise AudioError(problem)
    return rate


def _integer_rate(rate: Any) -> int:
    try:
        return int(rate) if float(rate).is_integer() else operator.index(rate)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"sample_rate must be a whole number of hertz, got {rate!r}") from None
