"""Recordings that are too long to run at once: which they are, and their emission in parts.

Knows an engine and how much may run together; not what becomes of an emission.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import Clip, Recording
from voxport.inference.engine import Engine
from voxport.inference.windows import Geometry, Window, stitch, windows
from voxport.package.manifest import ModelInfo

# Up to here a recording runs at once, as a model's own forward would have it: its normalisation and
# its attention see all of it. Two minutes need 0.7 GB beside the weights in a base model, and 2.1
# where attention is not in blocks.
WHOLE_SECONDS = 120.0

# A longer one runs in windows of at most 40 s, 2 000 frames, of which 250 on either side are
# context: 420 MB beside the weights in a base model, however long the recording.
WINDOW_SECONDS = 40.0

# Told of a long recording while it is under way: its name, the seconds that are done, and of how
# many, where that is known.
Progress: TypeAlias = Callable[[str, float, float | None], None]

_T = TypeVar("_T")


class LongRecordings:
    """The limits of what runs at once, and how the rest runs."""

    def __init__(
        self,
        engine: Engine,
        model: ModelInfo,
        batch_seconds: float,
        whole_seconds: float,
        window_seconds: float,
    ) -> None:
        self._engine = engine
        self._blank, self._rate = model.blank, model.sample_rate
        self._whole = samples_of(whole_seconds, model)
        stride, field = model.frame_stride, model.receptive_field
        frames = (samples_of(window_seconds, model) - field) // stride + 1
        self._geometry = Geometry(stride, field, max(1, frames))
        self._rows = max(1, samples_of(batch_seconds, model) // self._geometry.samples)

    def __contains__(self, recording: Recording) -> bool:
        """Whether it runs in windows: it is too long to run at once, or for the memory here."""
        if not recording.exceeds(self._geometry.samples):
            return False
        return recording.exceeds(self._whole) or not self._engine.suffices(recording.ready)

    def emission(
        self, recording: Recording, progress: Progress | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """The parts of its emission in order, each (frames, labels)."""
        return stitch(self._answers(recording, progress), self._geometry, self._blank)

    def _answers(
        self, recording: Recording, progress: Progress | None
    ) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        for batch in _batched(windows(recording.read, self._geometry), self._rows):
            clips = [Clip(recording.name, item.waveform, 0.0) for item in batch]
            yield from zip(batch, self._engine.emissions(clips), strict=True)
            if progress is not None:
                last = batch[-1]
                samples = last.first * self._geometry.stride + len(last.waveform)
                progress(recording.name, samples / self._rate, recording.promised)


def samples_of(seconds: float, model: ModelInfo) -> int:
    """Seconds, which may be infinite, as a number of the model's samples."""
    return int(min(seconds * model.sample_rate, sys.maxsize // 2))


def _batched(items: Iterable[_T], count: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, count)):
        yield batch
