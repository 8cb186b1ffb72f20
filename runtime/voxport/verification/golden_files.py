"""Reading of golden recordings and arrays out of a possibly hostile package.

A file is read once, as the hashed bytes, and is refused unless it has the exporter's format: a
16-bit mono wav at the model's rate, a float32 array of the recorded shape. Runs no pickle, and no
decoder but Python's own.
"""

import math
import wave
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from voxport.errors import PackageError, VoxportError
from voxport.package.integrity import read_file
from voxport.package.manifest import FileEntry, GoldenAnswer, GoldenClip, GoldenFeatures

_BITS = 16
_MAX_HEADER_CHARACTERS = 10_000  # numpy's own limit, for which it would read longer ones


def read_waveform(
    folder: Path, clip: GoldenClip | GoldenFeatures | GoldenAnswer, sample_rate: int
) -> NDArray[np.float32]:
    """Read a golden recording, float32 (S,), at the model's rate.

    Raises:
        PackageError: it is no wav of 16 bits, one channel and ``sample_rate``.
    """
    path = folder / clip.path
    try:
        with wave.open(BytesIO(read_file(folder, clip))) as file:
            found = (file.getnchannels(), 8 * file.getsampwidth(), file.getframerate())
            count = file.getnframes()
            samples = file.readframes(count)
    except VoxportError:
        raise
    except Exception as error:  # the module raises Error, EOFError, RuntimeError and others
        reason = f"a golden recording must be a wav file of integer samples: {error or 'it is cut'}"
        raise PackageError(reason, path) from None
    expected = (1, _BITS, sample_rate)
    if found != expected:
        raise PackageError(
            f"a golden recording must have {_describe(expected)}, got {_describe(found)}", path
        )
    if len(samples) != count * _BITS // 8:
        raise PackageError("a golden recording that is cut", path)
    values = np.frombuffer(samples, "<i2").astype(np.float32)
    values /= 2 ** (_BITS - 1)
    return values


def _describe(kind: tuple[int, int, int]) -> str:
    channels, bits, rate = kind
    return f"{channels} channel{'' if channels == 1 else 's'} of {bits} bits at {rate} Hz"


def read_array(folder: Path, entry: FileEntry, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Read an array of exactly this shape.

    Raises:
        PackageError: it is no numpy file of finite float32 values in this shape.
    """
    path = folder / entry.path
    expected = f"a numpy file of float32 in the shape {list(shape)}"
    if entry.bytes > 4 * math.prod(shape) + _MAX_HEADER_CHARACTERS:
        raise PackageError(f"expected {expected}, got {entry.bytes} bytes", path)
    content = read_file(folder, entry)
    file = BytesIO(content)
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        found, is_fortran, dtype = read(file, max_header_size=_MAX_HEADER_CHARACTERS)
    except Exception as error:  # numpy parses the header as Python and raises what comes of that
        raise PackageError(f"expected {expected}, got something else: {error}", path) from None
    if dtype != np.float32 or found != shape:
        raise PackageError(f"expected {expected}, got {dtype} in {list(found)}", path)
    data = content[file.tell() :]
    if len(data) != 4 * math.prod(shape):
        raise PackageError(f"expected {expected}, got {len(data)} bytes of it", path)
    flat = np.frombuffer(data, np.float32)
    values = np.reshape(flat, shape, order="F" if is_fortran else "C")
    if not np.isfinite(values).all():
        raise PackageError("holds values that are not numbers", path)
    return values
