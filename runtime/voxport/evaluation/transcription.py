"""Transcription of a test set with the time it takes, by the Open ASR Leaderboard's definition.

Recordings are read first and transcribed then, in groups: decoding of files is not in the time,
the way from waveform to text is.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import Clip, open_recording
from voxport.errors import AudioError, InputError, VoxportError
from voxport.evaluation.samples import BadRow, Row, Sample
from voxport.recognizer import Recognizer

_GROUP_SECONDS = 120.0  # of audio that is read before it is transcribed
_GROUP_CLIPS = 256
_WARM_UP_SECONDS = 20.0
_END_SLACK_S = 0.1  # ends of parts are rounded, and recordings end some samples earlier


@dataclass(frozen=True)
class Heard:
    """A sample, the model's text, and the seconds of its audio."""

    sample: Sample
    text: str
    seconds: float
    is_too_short: bool  # for a single frame: its text is empty by definition


class TimedTranscription:
    """Transcribes the rows of a test set; counts the seconds it spends."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.processing_seconds = 0.0
        self._recognizer = recognizer
        self._model = recognizer.manifest.model
        self._is_warm = False

    def run(self, rows: Iterable[Row]) -> Iterator[Heard | BadRow]:
        """Yield an answer a row; those that fail are first in their group."""
        group: list[tuple[Sample, Clip]] = []
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                group.append((row, self._read(row)))
            except VoxportError as error:
                yield BadRow(row.name, error.reason)
                continue
            if _is_full(group):
                yield from self._transcribe(group)
                group = []
        if group:
            yield from self._transcribe(group)

    def _read(self, sample: Sample) -> Clip:
        if isinstance(sample.audio, Path) and sample.audio.is_dir():
            raise InputError("is a folder, and a recording was expected")
        with open_recording(sample.audio, self._model.sample_rate) as recording:
            clip = recording.read_all()
        return clip if sample.end is None and not sample.start else self._cut(clip, sample)

    def _cut(self, clip: Clip, sample: Sample) -> Clip:
        """Return the sample's part of its recording."""
        last = clip.seconds if sample.end is None else sample.end
        if last > clip.seconds + _END_SLACK_S or sample.start >= clip.seconds:
            raise AudioError(
                f"the part is {sample.start:g} to {last:g} s of a recording of {clip.seconds:g} s"
            )
        rate = self._model.sample_rate
        part = clip.waveform[round(sample.start * rate) : round(last * rate)]
        return Clip(part, len(part) / rate)

    def _transcribe(self, group: list[tuple[Sample, Clip]]) -> Iterator[Heard | BadRow]:
        waveforms = [clip.waveform for _, clip in group]
        self._warm_up(waveforms)
        started = time.perf_counter()
        outcomes = list(self._recognizer.transcribe_each(waveforms))
        self.processing_seconds += time.perf_counter() - started
        for (sample, clip), outcome in zip(group, outcomes, strict=True):
            if outcome.transcript is None:
                reason = outcome.error.reason if outcome.error else "no answer"
                yield BadRow(sample.name, reason)
                continue
            is_short = len(clip.waveform) < self._model.receptive_field
            yield Heard(sample, outcome.transcript.text, clip.seconds, is_short)

    def _warm_up(self, waveforms: list[NDArray[np.float32]]) -> None:
        """Run the first clips once: engines allocate and choose kernels then."""
        if self._is_warm:
            return
        self._is_warm = True
        most = int(_WARM_UP_SECONDS * self._model.sample_rate)
        for _ in self._recognizer.transcribe_each([one[:most] for one in waveforms[:2]]):
            pass


def _is_full(group: list[tuple[Sample, Clip]]) -> bool:
    seconds = sum(clip.seconds for _, clip in group)
    return seconds >= _GROUP_SECONDS or len(group) >= _GROUP_CLIPS
