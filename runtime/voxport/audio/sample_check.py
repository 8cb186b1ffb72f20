"""Check of the samples of one recording as they are decoded. Knows no formats and no decoder."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.audio import limits
from voxport.errors import AudioFileError


class SampleCheck:
    """Refusal of samples that are no audio, and a warning about a recording of silence."""

    def __init__(self) -> None:
        self._peak = 0.0

    def add(self, block: NDArray[np.floating[Any]], start: float, rate: int) -> None:
        """Check the next samples, (frames, channels), at ``start`` seconds and ``rate`` hertz."""
        if not block.size:
            return
        if problem := limits.samples_problem(block):
            raise AudioFileError(f"{problem}, near {start + _first_problem(block) / rate:.2f} s")
        self._peak = max(self._peak, -float(block.min()), float(block.max()))

    def finish(self, subject: str) -> None:
        """Warn about a recording of silence, once all samples were added."""
        if 0 < self._peak < limits.SILENCE_AMPLITUDE:
            warnings.warn(
                f"{subject}: the whole recording is below -90 dB, silence to a model",
                stacklevel=3,
            )


def _first_problem(block: NDArray[np.floating[Any]]) -> int:
    """Return the first refused frame of `block`."""
    with np.errstate(invalid="ignore"):
        is_sound = np.abs(block) <= limits.MAX_AMPLITUDE
    return int(is_sound.all(axis=1).argmin())
