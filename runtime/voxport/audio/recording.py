"""Whatever a caller gives as audio, at the model's rate, from its start to its end.

Files, their bytes, open files and arrays become the same thing here, so that nothing after this
knows where audio came from. Knows a rate to resample to, nothing else of the model.
"""

import operator
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from voxport.audio.files import Source, open_audio
from voxport.audio.resample import Resampler
from voxport.errors import AudioError, InputError

AudioInput: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any]

# A rate outside these is a damaged header or samples taken for hertz; telephones have 8 kHz, and
# recorders of ultrasound up to 500 kHz.
LEAST_RATE, MOST_RATE = 1_000, 1_000_000

_BLOCK = 1 << 20  # samples of an array that are resampled at a time

MOST_CHANNELS = 64  # an array with more columns is [channels, samples] rather than the other way


@dataclass(frozen=True)
class Clip:
    """A waveform that the model can be given."""

    name: str  # what messages call it: the file, or "inputs[3]"
    waveform: NDArray[np.float32]  # (S,) at the model's rate
    seconds: float  # as recorded: the clip's samples by its own rate


class Recording:
    """Audio that is read once, a part at a time; no more than that of it is in memory.

    A context manager: closing it closes the file behind it.
    """

    def __init__(
        self,
        name: str,
        blocks: Iterable[NDArray[np.float32]],
        rate: int,  # Hz, of the blocks
        model_rate: int,  # Hz, of what is read
        seconds: float | None,  # how long it promises to be, where that is known
        resources: ExitStack,
    ) -> None:
        self.name = name
        self.promised = seconds
        self._rate = rate
        self._taken = 0  # samples of the blocks
        self._parts = self._resampled(blocks, Resampler(rate, model_rate))
        self._ready = np.zeros(0, np.float32)
        self._resources = resources

    def read(self, samples: int) -> NDArray[np.float32]:
        """The next samples; fewer than asked for only where the recording ends."""
        self._prepare(samples)
        given, self._ready = self._ready[:samples], self._ready[samples:]
        return given

    def exceeds(self, samples: int) -> bool:
        """Whether more than `samples` are still to be read."""
        self._prepare(samples + 1)
        return len(self._ready) > samples

    @property
    def ready(self) -> int:
        """The samples that the next `read` has at hand."""
        return len(self._ready)

    @property
    def seconds(self) -> float:
        """How long it was up to now: its own samples by its own rate."""
        return self._taken / self._rate

    def close(self) -> None:
        """Read no more."""
        self._resources.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, samples: int) -> None:
        parts, count = [self._ready], len(self._ready)
        while count < samples and (part := next(self._parts, None)) is not None:
            parts.append(part)
            count += len(part)
        if len(parts) > 1:
            self._ready = np.concatenate(parts)

    def _resampled(
        self, blocks: Iterable[NDArray[np.float32]], resampler: Resampler
    ) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self._taken += len(block)
            yield resampler.push(block)
        yield resampler.finish()


def open_recording(x: AudioInput, name: str, sample_rate: int | None, model_rate: int) -> Recording:
    """`x` at `model_rate`; `sample_rate` is the rate of `x` where it is an array."""
    if hasattr(x, "__array__"):
        waveform = _from_array(np.asarray(x), name)
        rate = _sound(model_rate if sample_rate is None else _whole(sample_rate), name)
        seconds = len(waveform) / rate
        return Recording(name, _blocks(waveform), rate, model_rate, seconds, ExitStack())
    with ExitStack() as opened:
        stream = opened.enter_context(open_audio(_source(x, name), name))
        rate, seconds = _sound(stream.sample_rate, name), stream.seconds
        return Recording(name, stream.blocks(), rate, model_rate, seconds, opened.pop_all())


def read_clip(x: AudioInput, name: str, sample_rate: int | None, model_rate: int) -> Clip:
    """The whole of `x` at `model_rate`."""
    with open_recording(x, name, sample_rate, model_rate) as recording:
        return Clip(name, recording.read(sys.maxsize), recording.seconds)


def several(x: Any) -> Iterable[AudioInput]:
    """`x`, if it is recordings and not one: a path would come apart into its letters."""
    given: Any = x
    is_one = isinstance(x, (str, bytes, bytearray, memoryview)) or hasattr(given, "read")
    if is_one or hasattr(given, "__array__") or not hasattr(given, "__iter__"):
        raise InputError(
            "expected a list of recordings, or an iterator over them, got "
            f"{type(given).__name__} (one recording: transcribe(x), or [x])"
        )
    return cast("Iterable[AudioInput]", given)


def name_of(x: AudioInput, otherwise: str) -> str:
    """What messages call `x`: its path, if it has one."""
    if isinstance(x, (str, os.PathLike)):
        return str(os.fspath(x)) or otherwise
    return str(getattr(x, "name", otherwise))


def _source(x: Any, name: str) -> Source:
    if isinstance(x, (str, os.PathLike)):
        path = cast("str | os.PathLike[str]", x)
        if not os.fspath(path):
            raise InputError("expected the path of an audio file, got ''", name)
        return Path(path)
    if isinstance(x, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", x))
    if callable(getattr(x, "read", None)):
        return x
    raise InputError(
        "expected a path, a numpy array, bytes or an open binary file, "
        f"got {type(x).__name__} (samples go in one array: np.array(samples, np.float32))",
        name,
    )


def _blocks(waveform: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(waveform), _BLOCK):
        yield waveform[start : start + _BLOCK]


def _from_array(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Samples (S,) of an array of [samples] or [samples, channels]."""
    if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= MOST_CHANNELS):
        raise AudioError(
            "expected an array of [samples] or [samples, channels], "
            f"got the shape {list(array.shape)} (transpose [channels, samples]; for "
            "a batch give a list of arrays)",
            name,
        )
    samples = _scaled(array, name)
    if not np.isfinite(samples).all():
        raise AudioError("holds samples that are not numbers (NaN or infinite)", name)
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def _scaled(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Samples as float32; whole numbers by their type's full scale, as a wav file's are."""
    kind = array.dtype
    if kind.kind == "f":
        return array.astype(np.float32, copy=False)
    if kind.kind == "i" and kind.itemsize <= 4:
        return (array / 2.0 ** (8 * kind.itemsize - 1)).astype(np.float32)
    if kind == np.uint8:
        return ((array.astype(np.float32) - 128) / 128).astype(np.float32)
    raise AudioError(
        f"expected float samples of -1 to 1, or int8, uint8, int16 or int32, got {kind}", name
    )


def _sound(rate: int, name: str) -> int:
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise AudioError(f"the sample rate must be {LEAST_RATE} to {MOST_RATE}, got {rate}", name)
    return rate


def _whole(rate: Any) -> int:
    try:
        return int(rate) if float(rate).is_integer() else operator.index(rate)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"sample_rate must be a whole number of hertz, got {rate!r}") from None
