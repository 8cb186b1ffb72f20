"""Service without its routes: models by name, threads for requests, and its readiness.

Knows recognizers, the scheduler and asyncio; no HTTP framework.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from voxport.audio.recording import Recording
from voxport.recognizer import Recognizer
from voxport.serving.decoders import Decoders
from voxport.serving.http_errors import HttpError
from voxport.serving.scheduler import OverloadedError, Scheduler, StoppedError
from voxport.serving.settings import Settings
from voxport.serving.transcriber import Request, Transcriber

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Model:
    """A package that is served."""

    name: str
    transcriber: Transcriber
    created: int  # seconds since 1970: when it was loaded

    @property
    def recognizer(self) -> Recognizer:
        """The package's recognizer."""
        return self.transcriber.recognizer


class Service:
    """Models behind one scheduler.

    Args:
        recognizers: by the names that requests use.
        scheduler: of all of them; the service closes it.
        settings: limits.
        decoders: of uploads; the service closes them. None: they are decoded in this process.
        check: returns what is wrong with the answers to the packages' own recordings, or None.
    """

    def __init__(
        self,
        recognizers: dict[str, Recognizer],
        scheduler: Scheduler,
        settings: Settings,
        decoders: Decoders | None = None,
        check: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.settings, self.scheduler, self._decoders = settings, scheduler, decoders
        now = int(time.time())
        self.models = {
            name: Model(name, Transcriber(recognizer, scheduler), now)
            for name, recognizer in recognizers.items()
        }
        self._check = check
        self._problem: str | None = "the packages' own recordings are not answered yet"
        self._threads = ThreadPoolExecutor(settings.requests, "voxport-request")
        self._active = 0
        self._is_stopping = False

    @property
    def problem(self) -> str | None:
        """The reason why the service is not ready, or None."""
        return "the service is stopping" if self._is_stopping else self._problem

    def model(self, name: str) -> Model:
        """Return the model of this name."""
        model = self.models.get(name)
        if model is None:
            known = ", ".join(self.models)
            message = f"there is no model {name[:100]!r}, only: {known}"
            raise HttpError(404, message, param="model", code="model_not_found")
        return model

    def open_upload(self, file: BinaryIO, model: Model) -> Recording | BinaryIO:
        """Open an upload for a model, decoded elsewhere; blocks until its rate is known."""
        rate = model.recognizer.manifest.model.sample_rate
        return file if self._decoders is None else self._decoders.open(file, rate)

    async def become_ready(self) -> None:
        """Answer the packages' own recordings."""
        self._problem = await asyncio.get_running_loop().run_in_executor(None, self._check)

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
        model: Model,
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
                model.transcriber.cancel(request)
            return await answer
        except asyncio.CancelledError:
            model.transcriber.cancel(request)
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
