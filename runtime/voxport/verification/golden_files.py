"""Reading of golden recordings and arrays out of a possibly hostile package.

A file is read once, as the hashed bytes, and is refused unless it has the exporter's format: a
16-bit mono wav at the model's rate, a float32 array of the recorded shape. Runs no pickle.
"""

import math
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from voxport.audio.files import read_audio
from voxport.errors import AudioError, PackageError
from voxport.package.integrity import read_file
from voxport.package.manifest import FileEntry, GoldenClip, GoldenFeatures

_MAX_HEADER_CHARACTERS = 10_000  # numpy's own limit, for which it would read longer ones


def read_waveform(
    folder: Path, clip: GoldenClip | GoldenFeatures, sample_rate: int
) -> NDArray[np.float32]:
    """Read a golden recording, float32 (S,), at the model's rate.

    Raises:
        PackageError: it is no wav of 16 bits, one channel and ``sample_rate``.
    """
    path = folder / clip.path
    content = read_file(folder, clip)
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise PackageError("a golden recording must be a wav file", path)
    try:
        audio = read_audio(content)
    except AudioError as error:
        reason = f"a golden recording that cannot be read: {error.reason}"
        raise PackageError(reason, path) from None
    if audio.sample_rate != sample_rate:
        raise PackageError(
            f"a golden recording must be at the model's {sample_rate} Hz, got {audio.sample_rate}",
            path,
        )
    if len(audio.waveform) > len(content) // 2:  # compressed: 16 bits a sample are written
        raise PackageError("a golden recording must have 16 bits a sample", path)
    return audio.waveform


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
