"""Recordings answered as a whole: one label, one embedding, or labels of all frames.

The answer comes from a mean over the whole recording, so there are no windows: a recording beyond
the limit is refused. Knows no task.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from voxport.audio.recording import AudioInput, Clip, Recording, open_recording
from voxport.backends.contract import Backend, HeadOutput
from voxport.errors import ArtifactUnavailableError, AudioError
from voxport.inference.batch_runner import BatchRunner
from voxport.inference.recording_queue import RecordingQueue, Result
from voxport.package.manifest import Artifact, HeadInfo, Manifest

LONGEST_SECONDS = 120.0  # attention compares every frame with every other

_Answer = TypeVar("_Answer")


class WholeRecordings:
    """Reading, batching and limits of recordings for a model whose task is not transcription."""

    def __init__(
        self,
        manifest: Manifest,
        artifact: Artifact,
        backend: Backend,
        batch_seconds: float,
        longest_seconds: float,
    ) -> None:
        if manifest.head is None:
            raise ArtifactUnavailableError("has no head for another task than transcription")
        self.head: HeadInfo = manifest.head
        self._rate = manifest.model.sample_rate
        self._runner = BatchRunner(manifest.model, artifact, backend)
        self._limit = max(1, self._samples(batch_seconds))
        self._longest_seconds = longest_seconds

    def results(
        self,
        audio: Iterable[tuple[str, AudioInput]],
        sample_rate: int | None,
        read_row: Callable[[HeadOutput, int, Clip], _Answer],
    ) -> Iterator[Result[_Answer]]:
        """Yield one result a recording, in order.

        Args:
            audio: names and recordings.
            sample_rate: Hz, of arrays; None: the model's own.
            read_row: makes the answer from a row of a batch's outputs.
        """

        def run_batch(clips: list[Clip]) -> list[_Answer]:
            return self.run(clips, read_row)

        read = partial(self._read, sample_rate=sample_rate)
        queue = RecordingQueue(read, run_batch, self._runner.padded_length, self._limit)
        return queue.results(audio)

    def run(
        self, clips: list[Clip], read_row: Callable[[HeadOutput, int, Clip], _Answer]
    ) -> list[_Answer]:
        """Run clips in one batch and return their answers."""
        output = self._runner.answer(clips)
        return [read_row(output, row, clip) for row, clip in enumerate(clips)]

    def padded_length(self, samples: int) -> int:
        """Return the least length of a row of ``samples`` in a batch."""
        return self._runner.padded_length(samples)

    def read(self, recording: Recording) -> Clip:
        """Read a recording and close it; refuse one too short or too long for an answer."""
        with recording:
            if recording.exceeds(self._samples(self._longest_seconds)):
                raise AudioError(
                    f"is longer than {self._longest_seconds:g} s, and the answer is one of the "
                    "whole recording, so it is not cut into windows: give a part of it, or a "
                    "higher longest_seconds (--longest-seconds); time and memory grow with the "
                    "square of its length"
                )
            clip = recording.read_all()
        if len(clip.waveform) < self.head.least_samples:
            raise AudioError(
                f"lasts {clip.seconds:.4f} s, and the model needs at least "
                f"{self.head.least_samples / self._rate:.4f} s for an answer"
            )
        return clip

    def _read(self, audio: AudioInput, sample_rate: int | None) -> Clip:
        return self.read(open_recording(audio, self._rate, sample_rate))

    def _samples(self, seconds: float) -> int:
        return int(min(seconds * self._rate, sys.maxsize - 1))
