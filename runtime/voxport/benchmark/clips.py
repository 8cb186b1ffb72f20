"""The clips of a benchmark: a user's recordings, or noise of given lengths.

They are laid down as arrays in a folder, so that every candidate reads the same samples and none
is charged for decoding or resampling. The time that a model takes does not depend on what is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import read_clip
from voxport.benchmark.timing import Workload

MIXED = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)  # seconds
_LOUDNESS = 0.1  # standard deviation of noise; full scale is 1


@dataclass(frozen=True)
class Clip:
    """A recording that was laid down."""

    file: Path
    seconds: float


def noise(folder: Path, seconds: Sequence[float], rate: int) -> list[Clip]:
    """White noise of these lengths, the same at every call."""
    rng = np.random.default_rng(0)
    waveforms = [rng.standard_normal(round(s * rate), np.float32) * _LOUDNESS for s in seconds]
    return [_lay_down(folder, f"noise-{i}", w, rate) for i, w in enumerate(waveforms)]


def recordings(folder: Path, files: Sequence[Path], rate: int) -> list[Clip]:
    """Audio files at the model's rate."""
    clips = (read_clip(file, rate) for file in files)
    return [_lay_down(folder, f"clip-{i}", c.waveform, rate) for i, c in enumerate(clips)]


def alone(clips: Sequence[Clip]) -> Workload:
    """Each clip by itself, one after the other."""
    return workload("alone", [[clip] for clip in clips])


def batched(clips: Sequence[Clip], size: int) -> Workload:
    """Clips of like length together, at most `size` of them."""
    order = sorted(clips, key=lambda clip: clip.seconds)
    starts = range(0, len(order), size)
    return workload(f"batch {size}", [order[start : start + size] for start in starts])


def workload(name: str, parts: Sequence[Sequence[Clip]]) -> Workload:
    """Batches of clips under a name."""
    return Workload(
        name,
        tuple(tuple(clip.file for clip in part) for part in parts),
        sum(clip.seconds for part in parts for clip in part),
    )


def _lay_down(folder: Path, name: str, waveform: NDArray[np.float32], rate: int) -> Clip:
    file = folder / f"{name}.npy"
    np.save(file, waveform, allow_pickle=False)
    return Clip(file, len(waveform) / rate)
