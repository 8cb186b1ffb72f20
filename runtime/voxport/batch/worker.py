"""A worker of a batch: one recognizer, partitions and windows of long recordings through it.

Runs in this process, in another one or in an actor of Ray, and knows neither.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import AudioInput, Clip, open_recording, read_clip
from voxport.batch.items import Item, read_source
from voxport.batch.store import BatchStore, Row
from voxport.errors import AudioError, InferenceError, VoxportError
from voxport.inference.windows import Window
from voxport.loading import load
from voxport.recognizer import Recognizer
from voxport.transcript.formats import to_json
from voxport.transcript.transcript import Transcript

_WINDOWS_TOGETHER = 4
_NO_WAVEFORM = np.zeros(0, np.float32)  # emissions are joined without it


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker: its recognizer, and the place of its results."""

    package: str
    output: str
    form: str
    provider: str = "auto"
    artifact: str | None = None
    precision: str | None = None
    threads: int | None = None
    language: str | None = None

    def load(self, provider: str | None = None) -> Recognizer:
        """Load the recognizer."""
        return load(
            self.package,
            provider or self.provider,
            self.artifact,
            self.precision,
            self.threads,
            language=self.language,
        )


@dataclass(frozen=True)
class PartitionTask:
    """Recordings whose rows are committed together."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class WindowsTask:
    """Some windows of a long recording."""

    item: Item
    number: int  # of this task among the recording's
    first: int  # window
    count: int | None  # None: all that follow


Task: TypeAlias = PartitionTask | WindowsTask


@dataclass(frozen=True)
class Counts:
    """Counts of a task: rows, seconds of audio, failures by kind."""

    rows: int = 0
    audio_seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter[str])
    busy_seconds: float = 0.0


@dataclass(frozen=True)
class WindowEmissions:
    """The emissions of a ``WindowsTask``, or the recording's error."""

    task: WindowsTask
    parts: tuple[tuple[int, int | None, NDArray[np.float32]], ...] = ()  # first, cut, emission
    seconds: float | None = None  # of the recording, by the task that reads to its end
    error: tuple[str, str] | None = None  # kind and reason
    busy_seconds: float = 0.0


class Worker:
    """One recognizer and the store of results."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._recognizer = settings.load()
        self._store = BatchStore(settings.output, settings.form)

    def run(self, task: Task) -> Counts | WindowEmissions:
        """Do a task; one that was done before a node was lost is not done again."""
        started = time.monotonic()
        if isinstance(task, WindowsTask):
            return self._run_windows(task, started)
        rows = [*transcribe_items(self._recognizer, task.items)]
        self._store.write(rows)
        return count_rows(rows, time.monotonic() - started)

    def _run_windows(self, task: WindowsTask, started: float) -> WindowEmissions:
        try:
            source = read_source(task.item)
            rate = self._recognizer.manifest.model.sample_rate
            with open_recording(source, rate) as recording:
                end = None if task.count is None else task.first + task.count
                windows = islice(self._recognizer.windows(recording), task.first, end)
                parts = tuple(self._emit(windows))
                seconds = recording.seconds if task.count is None else None
        except VoxportError as error:
            return WindowEmissions(task, error=_describe(error))
        return WindowEmissions(task, parts, seconds, busy_seconds=time.monotonic() - started)

    def _emit(
        self, windows: Iterator[Window]
    ) -> Iterator[tuple[int, int | None, NDArray[np.float32]]]:
        while batch := list(islice(windows, _WINDOWS_TOGETHER)):
            clips = [Clip(window.waveform, 0.0) for window in batch]
            for window, emission in zip(batch, self._recognizer.emit_clips(clips), strict=True):
                yield window.first, window.cut, emission


def join_windows(
    recognizer: Recognizer, item: Item, found: Sequence[WindowEmissions], options: str
) -> Row:
    """Return the row of a long recording from all of its tasks."""
    ordered = sorted(found, key=lambda one: one.task.number)
    if error := next((one.error for one in ordered if one.error), None):
        return _error_row(recognizer, item, error, options)
    answers = (
        (Window(first, _NO_WAVEFORM, cut), emission)
        for one in ordered
        for first, cut, emission in one.parts
    )
    parts = recognizer.join_emission(answers)
    whole: Any = _Seconds(next(one.seconds for one in ordered if one.seconds is not None))
    return _row(recognizer, item, recognizer.join_transcript(parts, whole), options)


@dataclass(frozen=True)
class _Seconds:
    """The length of a recording that was read elsewhere."""

    seconds: float


def transcribe_items(recognizer: Recognizer, items: Sequence[Item]) -> Iterator[Row]:
    """Yield a row a recording, in order; a failure is a row too, and stops no other."""
    options = recognizer.result_settings
    pending: deque[Item] = deque()  # given to the recognizer, and not answered yet
    failed: dict[str, tuple[str, str]] = {}
    done: dict[str, Row] = {}

    def sources() -> Iterator[AudioInput]:
        for item in items:
            try:
                source = _read(recognizer, item)
            except VoxportError as error:
                failed[item.id] = _describe(error)
                continue
            pending.append(item)
            yield source

    for outcome in recognizer.transcribe_each(sources()):
        item = pending.popleft()
        if outcome.transcript is None:
            failed[item.id] = _describe(outcome.error or InferenceError("no answer"))
        else:
            done[item.id] = _row(recognizer, item, outcome.transcript, options)
    for item in items:
        error = failed.get(item.id)
        yield _error_row(recognizer, item, error, options) if error else done[item.id]


def count_rows(rows: Sequence[Row], busy_seconds: float = 0.0) -> Counts:
    """Count rows, their audio and their failures."""
    failures = Counter(row["error_kind"] for row in rows if row["error"] is not None)
    seconds = sum(row["duration"] or 0.0 for row in rows)
    return Counts(len(rows), seconds, failures, busy_seconds)


def _read(recognizer: Recognizer, item: Item) -> AudioInput:
    source = read_source(item)
    if not item.is_part:
        return source
    rate = recognizer.manifest.model.sample_rate
    waveform = read_clip(source, rate).waveform
    first = round((item.start or 0.0) * rate)
    last = len(waveform) if item.end is None else round(item.end * rate)
    if not first < min(last, len(waveform)):
        raise AudioError(
            f"has no audio from {item.start or 0:g} s to {last / rate:g} s: it has "
            f"{len(waveform) / rate:g} s"
        )
    return waveform[first:last]


def _describe(error: VoxportError) -> tuple[str, str]:
    return type(error).__name__, error.reason


def _row(recognizer: Recognizer, item: Item, transcript: Transcript, options: str) -> Row:
    """Return the row of a transcript, with the numbers that every format writes."""
    plain = json.loads(to_json(transcript))
    return {
        "id": item.id,
        "text": plain["text"],
        "duration": plain["duration"],
        "words": plain["words"],
        "model": recognizer.identity,
        "options": options,
        "error": None,
        "error_kind": None,
    }


def _error_row(recognizer: Recognizer, item: Item, error: tuple[str, str], options: str) -> Row:
    kind, reason = error
    return {
        "id": item.id,
        "text": None,
        "duration": None,
        "words": None,
        "model": recognizer.identity,
        "options": options,
        "error": reason,
        "error_kind": kind,
    }
