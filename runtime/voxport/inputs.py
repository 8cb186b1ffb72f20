"""Whatever a caller gives as audio, as one clip at the model's rate.

Files, their bytes, open files and arrays become the same thing here, so that nothing after this
knows where audio came from. Knows a rate to resample to, nothing else of the model.
"""

import operator
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxport.audio import read_audio
from voxport.errors import AudioError, AudioFileError, InputError, accessing
from voxport.resample import resample

AudioInput: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any]

# A rate outside these is a damaged header or samples taken for hertz; telephones have 8 kHz, and
# recorders of ultrasound up to 500 kHz.
LEAST_RATE, MOST_RATE = 1_000, 1_000_000

MOST_CHANNELS = 64  # an array with more columns is [channels, samples] rather than the other way


@dataclass(frozen=True)
class Clip:
    """A waveform that the model can be given."""

    name: str  # what messages call it: the file, or "inputs[3]"
    waveform: NDArray[np.float32]  # (S,) at the model's rate
    seconds: float  # as recorded: the clip's samples by its own rate


def read_clip(x: AudioInput, name: str, sample_rate: int | None, model_rate: int) -> Clip:
    """`x` at `model_rate`; `sample_rate` is the rate of `x` where it is an array."""
    if isinstance(x, (str, os.PathLike)):
        waveform, rate = _encoded(Path(x), name)
    elif isinstance(x, (bytes, bytearray, memoryview)):
        waveform, rate = _encoded(bytes(x), name)
    elif hasattr(x, "__array__"):
        waveform = _from_array(np.asarray(x), name)
        rate = model_rate if sample_rate is None else _whole(sample_rate)
    elif callable(read := getattr(x, "read", None)):
        waveform, rate = _encoded(_content(read, name), name)
    else:
        raise InputError(
            "expected a path, a numpy array, bytes or an open binary file, "
            f"got {type(x).__name__} (samples go in one array: np.array(samples, np.float32))",
            name,
        )
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise AudioError(f"the sample rate must be {LEAST_RATE} to {MOST_RATE}, got {rate}", name)
    return Clip(name, resample(waveform, rate, model_rate), len(waveform) / rate)


def name_of(x: AudioInput, otherwise: str) -> str:
    """What messages call `x`: its path, if it has one."""
    if isinstance(x, (str, os.PathLike)):
        return str(os.fspath(x))
    return str(getattr(x, "name", otherwise))


def _encoded(source: Path | bytes, name: str) -> tuple[NDArray[np.float32], int]:
    audio = read_audio(source, name)
    return audio.waveform, audio.sample_rate


def _content(read: Any, name: str) -> bytes:
    with accessing(name, AudioFileError):
        content: object = read()
    if not isinstance(content, bytes):
        raise InputError("open the file in binary mode: open(path, 'rb')", name)
    return content


def _from_array(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Samples (S,) of an array of [samples] or [samples, channels]."""
    if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= MOST_CHANNELS):
        raise AudioError(
            "expected an array of [samples] or [samples, channels], "
            f"got the shape {list(array.shape)} (transpose [channels, samples])",
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


def _whole(rate: Any) -> int:
    try:
        return int(rate) if float(rate).is_integer() else operator.index(rate)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"sample_rate must be a whole number of hertz, got {rate!r}") from None
