"""Scheduler of a service: clips of all requests in batches, on a few threads.

Admits by seconds of queued audio, lets requests take turns (``fair_queue``), and runs batches. Of a
batch that fails, each clip runs again alone: one request cannot fail the others. A clip whose
engine crashed or was killed runs once more. Knows clips and a function that runs them; no HTTP, no
model, no text.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from voxport.audio.recording import Clip
from voxport.errors import EngineCrashError, InferenceError, VoxportError
from voxport.serving.fair_queue import FairQueue, WorkItem

# Speed that is assumed until batches have run: seconds of audio a second, of all workers.
_ASSUMED_SPEED = 10.0
_SPEED_MEMORY = 0.9  # of the running mean, for each second of audio up to ten


class OverloadedError(VoxportError, RuntimeError):
    """Refused request: too much audio waits.

    Attributes:
        retry_after: seconds after which there should be room.
    """

    def __init__(self, reason: str, subject: object = None, retry_after: float = 1.0) -> None:
        super().__init__(reason, subject)
        self.retry_after = retry_after


class StoppedError(VoxportError, RuntimeError):
    """Refused request: the service is stopping."""


class GoneError(VoxportError, RuntimeError):
    """Released request: nobody waits for its answer."""

    def __init__(self, reason: str = "nobody waits for the answer", subject: object = None) -> None:
        super().__init__(reason, subject)


class DeadlineError(VoxportError, TimeoutError):
    """Request without an answer at its deadline."""


@dataclass(frozen=True)
class BatchReport:
    """Facts of a batch that ran."""

    rows: int
    audio_seconds: float  # of its clips
    fill: float  # share of its padded samples that are audio
    run_seconds: float
    is_failed: bool = False


class Scheduler:
    """Workers and their queue. All methods may be called from any thread.

    Args:
        batch_samples: the limit of a batch, in samples with padding.
        workers: threads that run batches; 0: none, ``run_next`` is called instead.
        queue_seconds: of audio that may wait; more is refused.
        longest_wait: seconds that a clip waits for company while a worker is idle.
        observe: called after each batch.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        batch_samples: int,
        workers: int = 1,
        queue_seconds: float = math.inf,
        longest_wait: float = 0.0,
        observe: Callable[[BatchReport], None] = lambda _report: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = FairQueue(batch_samples, longest_wait)
        self._queue_seconds, self._observe, self._clock = queue_seconds, observe, clock
        self._changed = threading.Condition()
        self._admitted: dict[Hashable, float] = {}  # requests: audio of theirs still to be queued
        self._running_seconds = 0.0
        self._is_stopping = self._is_closed = False
        self._workers = max(1, workers)
        self.speed = _ASSUMED_SPEED  # seconds of audio a second
        self.failures_in_a_row = 0  # batches of which no clip was answered
        self._threads = [
            threading.Thread(target=self._work, name=f"voxport-worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queued_seconds(self) -> float:
        """Audio that waits, of clips and of admitted requests that are not read yet."""
        with self._changed:
            return self._waiting_seconds()

    @property
    def running_seconds(self) -> float:
        """Audio in the batches that run now."""
        with self._changed:
            return self._running_seconds

    def admit(self, flow: Hashable, seconds: float) -> None:
        """Admit a request of about ``seconds`` of audio; ``release`` must follow.

        Raises:
            OverloadedError: too much audio waits. An empty queue admits any request.
            StoppedError: the service is stopping.
        """
        with self._changed:
            if self._is_stopping:
                raise StoppedError("the service is stopping")
            waiting = self._waiting_seconds()
            if waiting and waiting + seconds > self._queue_seconds:
                wait = max(1.0, (waiting + seconds - self._queue_seconds) / self.speed)
                raise OverloadedError(
                    f"{waiting:.0f} s of audio wait, and {self._queue_seconds:.0f} s may; "
                    f"try again in {math.ceil(wait)} s",
                    retry_after=wait,
                )
            self._admitted[flow] = seconds

    def release(self, flow: Hashable) -> None:
        """Forget a request: its clips that wait are not run, and answered with ``GoneError``."""
        with self._changed:
            self._admitted.pop(flow, None)
            gone = self._queue.remove_flow(flow)
            self._changed.notify_all()
        for item in gone:
            item.done(None, GoneError())

    def submit(
        self,
        run: Callable[[list[Clip]], list[Any]],
        clip: Clip,
        samples: int,
        seconds: float,
        flow: Hashable,
        deadline: float | None = None,
    ) -> "Future[Any]":
        """Queue a clip of an admitted request.

        Args:
            run: answers a batch of clips, one each; clips of equal functions share batches.
            clip: the clip.
            samples: of its row in a batch, padding included.
            seconds: of its audio.
            flow: the request, as it was admitted.
            deadline: by the scheduler's clock: it is not run after it.

        Returns:
            The future of its answer: a ``GoneError`` if the request is released.
        """
        future: Future[Any] = Future()
        item = WorkItem(run, clip, flow, samples, seconds, deadline, _settle(future))
        with self._changed:
            if self._is_closed or flow not in self._admitted:
                future.set_exception(GoneError())
                return future
            self._admitted[flow] = max(0.0, self._admitted[flow] - seconds)
            self._queue.put(item, self._clock())
            self._changed.notify()
        return future

    def run_next(self) -> bool:
        """Run the next batch, if one is due; return whether there was one."""
        with self._changed:
            batch = self._take()
        if batch:
            self._run(batch)
        return bool(batch)

    def stop(self, timeout: float | None = None) -> bool:
        """Refuse new requests and wait for the admitted; return whether all were answered."""
        with self._changed:
            self._is_stopping = True
            return self._changed.wait_for(lambda: not self._admitted, timeout)

    def close(self) -> None:
        """End the workers; what still waits is released."""
        with self._changed:
            self._is_stopping = self._is_closed = True
            flows = list(self._admitted)
            self._changed.notify_all()
        for flow in flows:
            self.release(flow)
        for thread in self._threads:
            thread.join()

    def _waiting_seconds(self) -> float:
        return self._queue.seconds + sum(self._admitted.values())

    def _work(self) -> None:
        while True:
            with self._changed:
                batch = self._take()
                while not batch:
                    if self._is_closed:
                        return
                    due = self._queue.due()
                    wait = None if due is None else max(0.0, due - self._clock())
                    self._changed.wait(wait)
                    batch = self._take()
            self._run(batch)

    def _take(self) -> list[WorkItem]:
        now = self._clock()
        for item in self._queue.remove_expired(now):
            item.done(None, DeadlineError("was not answered within its time"))
        batch = self._queue.take(now)
        self._running_seconds += sum(item.seconds for item in batch)
        return batch

    def _run(self, batch: list[WorkItem]) -> None:
        start = self._clock()
        answered, is_failed = 0, True
        try:
            answered, is_failed = _answer(batch)
        finally:
            spent = self._clock() - start
            seconds = sum(item.seconds for item in batch)
            padded = len(batch) * max(item.samples for item in batch)
            fill = sum(len(item.clip.waveform) for item in batch) / max(1, padded)
            with self._changed:
                self._running_seconds -= seconds
                self.failures_in_a_row = 0 if answered else self.failures_in_a_row + 1
                if spent > 0 and seconds > 0 and not is_failed:
                    kept = _SPEED_MEMORY ** min(10.0, seconds)
                    speed = self._workers * seconds / spent
                    self.speed = kept * self.speed + (1 - kept) * speed
            self._observe(BatchReport(len(batch), seconds, fill, spent, is_failed))


def _answer(batch: list[WorkItem], *, is_repeat: bool = False) -> tuple[int, bool]:
    """Run a batch and settle its items; return the number answered, and whether the batch failed.

    Nothing that the function raises ends the worker, and each item is settled once.
    """
    try:
        pairs = list(zip(batch, batch[0].run([item.clip for item in batch]), strict=True))
    except BaseException as error:  # a worker that ends leaves requests unanswered
        if len(batch) > 1:
            return sum(_answer([item])[0] for item in batch), True
        if isinstance(error, EngineCrashError) and not is_repeat:
            return _answer(batch, is_repeat=True)[0], True
        batch[0].done(None, _expected(error))
        return 0, True
    for item, answer in pairs:
        item.done(answer, None)
    return len(pairs), False


def _expected(error: BaseException) -> BaseException:
    if isinstance(error, VoxportError):
        return error
    failure = InferenceError(f"the model failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _settle(future: "Future[Any]") -> Callable[[Any, BaseException | None], None]:
    def done(answer: Any, error: BaseException | None) -> None:
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    return done
