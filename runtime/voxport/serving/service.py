"""Service without its routes: models by name, threads for requests, and its readiness.

Knows recognizers, the scheduler and asyncio; no HTTP framework.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Generic, TypeVar

from voxport.audio.recording import Recording
from voxport.errors import VoxportError
from voxport.recognizer import Recognizer
from voxport.serving.decoders import Decoders
from voxport.serving.http_errors import HttpError, invalid
from voxport.serving.labeler import Labeler
from voxport.serving.request import Request
from voxport.serving.scheduler import OverloadedError, Scheduler, StoppedError
from voxport.serving.settings import Settings
from voxport.serving.transcriber import Transcriber
from voxport.tasks.classifier import Classifier

_FAILURES = 3  # batches in a row, after which the packages' own recordings are tried again

_Answer = TypeVar("_Answer")
_Scheduled = TypeVar("_Scheduled", bound=Transcriber | Labeler, covariant=True)


@dataclass(frozen=True)
class Model(Generic[_Scheduled]):
    """A package that is served."""

    name: str
    scheduled: _Scheduled
    created: int  # seconds since 1970: when it was loaded

    @property
    def task(self) -> str:
        """The task of its manifest."""
        return self.scheduled.loaded.manifest.model.task


class Service:
    """Models behind one scheduler.

    Args:
        loaded: recognizers and classifiers, by the names that requests use.
        scheduler: of all of them; the service closes it.
        settings: limits.
        decoders: of uploads; the service closes them. None: they are decoded in this process.
        check: returns what is wrong with the answers to the packages' own recordings, or None.
    """

    def __init__(
        self,
        loaded: Mapping[str, Recognizer | Classifier],
        scheduler: Scheduler,
        settings: Settings,
        decoders: Decoders | None = None,
        check: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.settings, self.scheduler, self._decoders = settings, scheduler, decoders
        now = int(time.time())
        self.models: dict[str, Model[Transcriber | Labeler]] = {
            name: Model(name, _schedule(one, scheduler), now) for name, one in loaded.items()
        }
        self._check = check
        self._problem: str | None = "the packages' own recordings are not answered yet"
        self._threads = ThreadPoolExecutor(settings.requests, "voxport-request")
        self._active = 0
        self._is_stopping = self._is_checking = False

    @property
    def problem(self) -> str | None:
        """The reason why the service is not ready, or None."""
        if self._is_stopping:
            return "the service is stopping"
        if self.is_failing:
            return f"the last {self.scheduler.failures_in_a_row} batches failed"
        return self._problem

    @property
    def is_failing(self) -> bool:
        """True if the last batches all failed."""
        return self.scheduler.failures_in_a_row >= _FAILURES

    def transcriber(self, name: str) -> Model[Transcriber]:
        """Return the model of this name, one that transcribes."""
        other = "gives labels and no text (POST /v1/audio/classifications)"
        return self._model_of(name, Transcriber, other)

    def labeler(self, name: str) -> Model[Labeler]:
        """Return the model of this name, one that classifies."""
        other = "gives text and no labels (POST /v1/audio/transcriptions)"
        return self._model_of(name, Labeler, other)

    def model(self, name: str) -> Model[Transcriber | Labeler]:
        """Return the model of this name."""
        model = self.models.get(name)
        if model is None:
            known = ", ".join(self.models)
            message = f"there is no model {name[:100]!r}, only: {known}"
            raise HttpError(404, message, param="model", code="model_not_found")
        return model

    def _model_of(self, name: str, kind: type[_Scheduled], other: str) -> Model[_Scheduled]:
        model = self.model(name)
        if isinstance(model.scheduled, kind):
            return Model(model.name, model.scheduled, model.created)
        raise invalid(f"the model {name!r} {other}", "model")

    def open_upload(
        self, file: BinaryIO, model: Model[Transcriber | Labeler]
    ) -> Recording | BinaryIO:
        """Open an upload for a model, decoded elsewhere; blocks until its rate is known."""
        rate = model.scheduled.loaded.manifest.model.sample_rate
        return file if self._decoders is None else self._decoders.open(file, rate)

    async def become_ready(self) -> None:
        """Answer the packages' own recordings, unless that is under way."""
        if self._is_checking:
            return
        self._is_checking = True
        try:
            self._problem = await asyncio.get_running_loop().run_in_executor(None, self._check)
            self.scheduler.failures_in_a_row = 0
        except VoxportError as error:
            self._problem = f"the packages' own recordings cannot be answered: {error.reason}"
        finally:
            self._is_checking = False

    def new_request(self, said: Callable[[str], None] | None = None) -> Request:
        """Return a request that arrives now."""
        deadline = time.monotonic() + self.settings.answer_seconds
        return Request(self.settings.audio_seconds, deadline, said)

    @contextmanager
    def room(self) -> Generator[None, None, None]:
        """Hold a place for a request, from before its body is read until it is answered.

        Raises:
            OverloadedError, StoppedError: it would be refused after its body is read, too.
        """
        if self._is_stopping:
            raise StoppedError("the service is stopping")
        waiting = self.scheduler.queued_seconds
        if waiting >= self.settings.queue_seconds:
            raise OverloadedError(
                f"{waiting:.0f} s of audio wait", retry_after=waiting / self.scheduler.speed
            )
        if self._active >= self.settings.requests:
            raise OverloadedError(f"{self._active} requests are worked on")
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1

    async def run(
        self,
        model: Model[Transcriber | Labeler],
        request: Request,
        work: Callable[[], _Answer],
        client_gone: Callable[[], Awaitable[Any]],
    ) -> _Answer:
        """Run blocking work for a request on a thread, until its client has gone."""
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._threads, work)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # it is seen
        gone = asyncio.ensure_future(client_gone())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                model.scheduled.cancel(request)
            return await answer
        except asyncio.CancelledError:
            model.scheduled.cancel(request)
            raise
        finally:
            gone.cancel()

    def stop(self) -> None:
        """Refuse new requests; those that were accepted go on."""
        self._is_stopping = True

    def close(self) -> None:
        """End all threads."""
        self.stop()
        self.scheduler.close()
        if self._decoders is not None:
            self._decoders.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


def _schedule(loaded: Recognizer | Classifier, scheduler: Scheduler) -> Transcriber | Labeler:
    if isinstance(loaded, Classifier):
        return Labeler(loaded, scheduler)
    return Transcriber(loaded, scheduler)
