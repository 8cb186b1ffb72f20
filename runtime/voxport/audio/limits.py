"""Bounds of valid audio: rates, channels, sizes, amplitudes, and silences.

The one place of these figures. Knows no formats.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A rate outside these is a damaged header or samples taken for hertz; telephones have 8 kHz, and
# recorders of ultrasound up to 500 kHz.
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 1_000_000

MAX_CHANNELS = 64  # an array with more columns is [channels, samples] rather than the other way

# Full scale is 1. Some programs write 32-bit integers as floats unscaled, up to 2**31; beyond, sums
# of squares overflow float32, and the answer would be an empty transcript.
MAX_AMPLITUDE = 1e10

# Recordings joined in one file; bounds the time that a file of nothing but headers takes.
MAX_PARTS = 1000
TOO_MANY_PARTS = f"more than {MAX_PARTS} recordings are joined in one file"

# Less than this of a recording's end may be missing: a frame of the models is 20 to 25 ms, and no
# word fits into one. Recorder libraries also count a wav header as samples.
MAX_MISSING_S = 0.02
MAX_MISSING_BYTES = 44

# A whole recording below this is silence to a model, and an int32 array of 16-bit samples: -90.3 dB
# is the last bit of 16.
SILENCE_AMPLITUDE = 10 ** (-90 / 20)


def rate_problem(rate: int) -> str | None:
    """Return the reason why `rate` (Hz) is refused, or None."""
    if MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        return None
    return f"the sample rate must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, got {rate}"


def channels_problem(count: int) -> str | None:
    """Return the reason why `count` channels are refused, or None."""
    return None if 1 <= count <= MAX_CHANNELS else f"1 to {MAX_CHANNELS} channels, got {count}"


def is_silence(samples: NDArray[np.floating[Any]]) -> bool:
    """Return whether `samples`, a whole recording, are silence to a model but not zeros."""
    return bool(samples.size) and 0 < float(np.abs(samples).max()) < SILENCE_AMPLITUDE


def samples_problem(samples: NDArray[np.floating[Any]]) -> str | None:
    """Return the reason why `samples` (of any shape) are refused, or None."""
    if not np.isfinite(samples).all():
        return "holds samples that are not numbers (NaN or infinite)"
    if samples.size and max(-float(samples.min()), float(samples.max())) > MAX_AMPLITUDE:
        return f"holds samples of more than {MAX_AMPLITUDE:.0e}, where full scale is 1"
    return None
