"""Recordings in a queue: read ahead, batched by length, and answered in the order given.

One recording fails alone: its error, with its name in front, is its answer, and the others go on.
Knows clips and the limit of samples that run together; nothing of an answer and its computation.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

from voxport.audio.recording import AudioInput, Clip, Recording, name_of
from voxport.errors import InferenceError, VoxportError
from voxport.inference.batches import group_by_length

# Recordings are read ahead, sorted and batched this many batches at a time: enough to find clips of
# like length, and little enough that hours of files are not in memory and the first answer is soon.
_BATCHES_AHEAD = 8

_Answer = TypeVar("_Answer")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Result(Generic[_Answer]):
    """Answer or error of one recording, never both."""

    name: str  # the file, or "audio[3]"
    answer: _Answer | None = None
    error: VoxportError | None = None

    def get(self) -> _Answer:
        """Return the answer, or raise the error."""
        if self.answer is None:
            raise self.error or InferenceError("no answer", self.name)
        return self.answer


@dataclass(frozen=True)
class RecordingQueue(Generic[_Answer]):
    """Steps of a recording from reading to its answer, and the limit of a batch."""

    read: Callable[[AudioInput], Clip | Recording]  # a recording, still open, runs in windows
    run_batch: Callable[[list[Clip]], list[_Answer]]
    padded_length: Callable[[int], int]  # samples that a row of a batch takes up
    limit: int  # padded samples of a batch
    run_long: Callable[[str, Recording], _Answer] | None = None  # None: as a batch of one
    spread: float = math.inf  # lengths in a batch, the longest by the shortest

    def results(self, audio: Iterable[tuple[str, AudioInput]]) -> Iterator[Result[_Answer]]:
        """Yield one result a recording, in order, as soon as it and all before it are done.

        A long recording is not read on before its turn comes.
        """
        waiting: list[Result[_Answer] | tuple[str, Clip]] = []
        samples = 0
        for name, source in audio:
            read = _attempt(name, partial(self.read, source))
            if isinstance(read.answer, Recording):
                with read.answer as recording:
                    yield from self._run_all(waiting)
                    yield _attempt(name, partial(self._run_long, name, recording))
                waiting, samples = [], 0
                continue
            if read.answer is None:
                waiting.append(Result(name, error=read.error))
            else:
                waiting.append((name, read.answer))
                samples += len(read.answer.waveform)
            if samples >= _BATCHES_AHEAD * self.limit:
                yield from self._run_all(waiting)
                waiting, samples = [], 0
        yield from self._run_all(waiting)

    def _run_long(self, name: str, recording: Recording) -> _Answer:
        if self.run_long is None:
            return self.run_batch([recording.read_all()])[0]
        return self.run_long(name, recording)

    def _run_all(
        self, waiting: list[Result[_Answer] | tuple[str, Clip]]
    ) -> Iterator[Result[_Answer]]:
        """Yield the results of clips read; each batch runs when its first clip's turn comes."""
        done = {i: item for i, item in enumerate(waiting) if isinstance(item, Result)}
        clips = {i: item for i, item in enumerate(waiting) if not isinstance(item, Result)}
        places = list(clips)
        lengths = [self.padded_length(len(clip.waveform)) for _, clip in clips.values()]
        batches = group_by_length(lengths, self.limit, self.spread)
        batch_of = {places[i]: [places[j] for j in batch] for batch in batches for i in batch}
        for place in range(len(waiting)):
            if place not in done:
                batch = batch_of[place]
                results = self._run_batch([clips[i] for i in batch])
                done.update(zip(batch, results, strict=True))
            yield done.pop(place)

    def _run_batch(self, clips: list[tuple[str, Clip]]) -> list[Result[_Answer]]:
        """Run a batch; if it fails, run each of its clips alone: one cannot fail the others."""
        names, waveforms = [name for name, _ in clips], [clip for _, clip in clips]
        if len(clips) > 1:
            try:
                answers = self.run_batch(waveforms)
            except VoxportError:
                return [result for clip in clips for result in self._run_batch([clip])]
            return [Result(name, answer) for name, answer in zip(names, answers, strict=True)]
        return [_attempt(names[0], lambda: self.run_batch(waveforms)[0])]


def name_each(audio: Iterable[AudioInput]) -> Iterator[tuple[str, AudioInput]]:
    """Yield recordings with their names for messages: the path, or ``audio[3]``."""
    return ((name_of(item, f"audio[{i}]"), item) for i, item in enumerate(audio))


def named(audio: Any) -> Iterator[tuple[str, AudioInput]]:
    """Yield one recording, or each of a list of them, with its name for messages."""
    if isinstance(audio, (list, tuple)):
        return name_each(cast("list[AudioInput]", audio))
    return iter([(name_of(audio), audio)])


def _attempt(name: str, step: Callable[[], _Value]) -> Result[_Value]:
    """Return the step's value, or its error with the recording's name."""
    try:
        return Result(name, step())
    except VoxportError as error:
        return Result(name, error=error.about(name))
