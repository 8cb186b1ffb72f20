"""The clips of a benchmark: a user's recordings, or noise of given lengths.

They are written as arrays into a folder, so every candidate reads the same samples and none is
charged for decoding or resampling. A model's time does not depend on the words.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import read_clip
from voxport.benchmark.timing import Workload
from voxport.inference.batches import CPU_SPREAD, group_by_length

MIXED_SECONDS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
_LOUDNESS = 0.1  # standard deviation of noise; full scale is 1


@dataclass(frozen=True)
class StoredClip:
    """A recording as an array in a file."""

    file: Path
    seconds: float


def write_noise(folder: Path, seconds: Sequence[float], rate: int) -> list[StoredClip]:
    """Write white noise of these lengths, the same at every call."""
    rng = np.random.default_rng(0)
    waveforms = [rng.standard_normal(round(s * rate), np.float32) * _LOUDNESS for s in seconds]
    return [_write_clip(folder, f"noise-{i}", w, rate) for i, w in enumerate(waveforms)]


def write_recordings(folder: Path, files: Sequence[Path], rate: int) -> list[StoredClip]:
    """Write audio files at the model's rate."""
    clips = (read_clip(file, rate) for file in files)
    return [_write_clip(folder, f"clip-{i}", c.waveform, rate) for i, c in enumerate(clips)]


def single_workload(clips: Sequence[StoredClip]) -> Workload:
    """Return each clip by itself, one after the other."""
    return create_workload("alone", [[clip] for clip in clips])


def batched_workload(clips: Sequence[StoredClip], size: int) -> Workload:
    """Return clips of like length together, as ``transcribe`` does it, at most ``size`` of them."""
    milliseconds = [round(1000 * clip.seconds) for clip in clips]
    groups = group_by_length(milliseconds, sys.maxsize, CPU_SPREAD)
    parts = [group[i : i + size] for group in groups for i in range(0, len(group), size)]
    return create_workload(f"batch {size}", [[clips[i] for i in part] for part in parts])


def create_workload(name: str, parts: Sequence[Sequence[StoredClip]]) -> Workload:
    """Return batches of clips under a name."""
    return Workload(
        name,
        tuple(tuple(clip.file for clip in part) for part in parts),
        sum(clip.seconds for part in parts for clip in part),
        sum(len(part) * max(clip.seconds for clip in part) for part in parts),
    )


def _write_clip(folder: Path, name: str, waveform: NDArray[np.float32], rate: int) -> StoredClip:
    file = folder / f"{name}.npy"
    np.save(file, waveform, allow_pickle=False)
    return StoredClip(file, len(waveform) / rate)
