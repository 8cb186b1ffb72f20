"""The part of a recording shown in a picture.

Only this part is resampled and kept, so a long recording costs no memory.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import Recording, open_recording
from voxport.errors import AudioError, naming

MAX_SECONDS = 20.0  # a letter of quick speech still has its own place on the axis
MAX_FOLDED_SECONDS = 120.0  # twelve strips below each other; what runs through a model at once
_BLOCK_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Excerpt:
    """A part of a recording, at the model's rate."""

    name: str
    waveform: NDArray[np.float32]  # (S,)
    sample_rate: int  # Hz
    start: float = 0.0  # seconds into the recording
    is_cut: bool = False  # the recording goes on, and nobody asked for this end

    @property
    def seconds(self) -> float:
        """Its duration."""
        return len(self.waveform) / self.sample_rate

    @property
    def end(self) -> float:
        """Its end in seconds of the recording."""
        return self.start + self.seconds


def read_excerpt(
    audio: str, start: float, end: float | None, rate: int, most: float = MAX_SECONDS
) -> Excerpt:
    """Read a recording between two seconds; without an end, as much as a picture holds.

    ``most`` is what it holds, in seconds.
    """
    if end is not None and start >= end:
        raise AudioError(f"there is nothing from {start:g} s to {end:g} s", audio)
    with naming(audio), open_recording(audio, rate) as recording:
        _skip(recording, int(start * rate))
        wanted = int(most * rate) if end is None else int(end * rate) - int(start * rate)
        waveform = recording.read(min(wanted, int(most * rate)))
        goes_on = recording.exceeds(0)
        if end is not None and wanted > len(waveform) and goes_on:
            raise AudioError(
                f"{end - start:.0f} s are too long for one picture to be read: choose at most "
                f"{most:g} s of it with --start and --end",
                audio,
            )
        if not len(waveform) and start > 0:
            raise AudioError(
                f"there is nothing from {start:g} s on: it is {recording.seconds:.2f} s long", audio
            )
    return Excerpt(Path(audio).name, waveform, rate, start, is_cut=end is None and goes_on)


def _skip(recording: Recording, samples: int) -> None:
    while samples > 0 and (count := len(recording.read(min(samples, _BLOCK_SAMPLES)))):
        samples -= count
