"""Recordings too long to run at once, and their emission window by window.

Knows a batch runner and its limits; nothing of the use of an emission.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import Clip, Recording
from voxport.inference.batch_runner import BatchRunner
from voxport.inference.windows import Geometry, Window, split_into_windows, stitch
from voxport.package.manifest import ModelInfo

# Up to here a recording runs at once, as a model's own forward would have it: its normalisation and
# its attention see all of it. Two minutes need 0.7 GB beside the weights in a base model, and 2.1
# where attention is not in blocks.
WHOLE_SECONDS = 120.0

# A longer one runs in windows of at most 40 s, 2 000 frames, of which 250 on either side are
# context: 420 MB beside the weights in a base model, however long the recording.
WINDOW_SECONDS = 40.0

# Called while a long recording is under way, with the seconds done and, where known, of how many.
WindowProgress: TypeAlias = Callable[[float, float | None], None]

_Item = TypeVar("_Item")


class LongRecordings:
    """Limits of a run at once, and windows for longer recordings."""

    def __init__(
        self,
        runner: BatchRunner,
        model: ModelInfo,
        batch_seconds: float,
        whole_seconds: float,
        window_seconds: float,
    ) -> None:
        self._runner = runner
        self._blank, self._rate = model.blank, model.sample_rate
        self._whole = samples_in(whole_seconds, model)
        stride, field = model.frame_stride, model.receptive_field
        frames = (samples_in(window_seconds, model) - field) // stride + 1
        self._geometry = Geometry(stride, field, max(1, frames))
        self._rows = max(1, samples_in(batch_seconds, model) // self._geometry.samples)

    def __contains__(self, recording: Recording) -> bool:
        """Return True for a recording too long to run at once, by the limit or the memory."""
        if not recording.exceeds(self._geometry.samples):
            return False
        return recording.exceeds(self._whole) or not self._runner.is_sure_to_fit(recording.ready)

    def emission(
        self, recording: Recording, progress: WindowProgress | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the parts of the emission in order, each (frames, labels)."""
        return self.stitch(self._run_windows(recording, progress))

    def windows(self, recording: Recording) -> Iterator[Window]:
        """Yield the windows of a recording, one read at a time."""
        return split_into_windows(recording.read, self._geometry)

    def stitch(
        self, answers: Iterable[tuple[Window, NDArray[np.float32]]]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the parts of the emission from the windows' own emissions, in order."""
        return stitch(answers, self._geometry, self._blank)

    def _run_windows(
        self, recording: Recording, progress: WindowProgress | None
    ) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        for batch in _batched(self.windows(recording), self._rows):
            clips = [Clip(window.waveform, 0.0) for window in batch]
            yield from zip(batch, self._runner.emissions(clips), strict=True)
            if progress is not None:
                last = batch[-1]
                samples = last.first * self._geometry.stride + len(last.waveform)
                progress(samples / self._rate, recording.promised)


def samples_in(seconds: float, model: ModelInfo) -> int:
    """Return seconds, possibly infinite, as a number of the model's samples."""
    return int(min(seconds * model.sample_rate, sys.maxsize // 2))


def _batched(items: Iterable[_Item], count: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, count)):
        yield batch
