"""Model that shares a scheduler's batches: a recording is read, admitted, and queued as a clip.

Knows the scheduler and any of the runtime's models; no HTTP, and not what an answer is.
"""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from voxport.audio.recording import AudioInput, Clip, Recording, open_recording
from voxport.package.manifest import Artifact, Manifest
from voxport.serving.request import Request
from voxport.serving.scheduler import Scheduler


class LoadedModel(Protocol):
    """The steps that a recognizer and a classifier share."""

    manifest: Manifest
    artifact: Artifact

    def read(self, recording: Recording) -> Clip | Recording:
        """Read a recording to run at once and close it; one to run in windows stays open."""
        ...

    def padded_length(self, samples: int) -> int:
        """Return the least length of a row of ``samples`` in a batch."""
        ...


_Loaded = TypeVar("_Loaded", bound=LoadedModel)


class ScheduledModel(Generic[_Loaded]):
    """A loaded model whose clips run through a scheduler. Threads may share it, one a request."""

    def __init__(self, loaded: _Loaded, scheduler: Scheduler) -> None:
        self.loaded = loaded
        self._scheduler = scheduler
        self._rate = loaded.manifest.model.sample_rate

    def cancel(self, request: Request) -> None:
        """End a request that nobody waits for: what waits of it is not run."""
        request.cancel()
        self._scheduler.release(request)

    def _read(self, audio: AudioInput | Recording, request: Request) -> Clip | Recording:
        is_open = isinstance(audio, Recording)
        recording = audio if is_open else open_recording(audio, self._rate)
        try:
            request.hear(recording.promised or 0.0)  # before an hour is decoded
            read = self.loaded.read(recording)
            request.hear(read.seconds)
        except BaseException:
            recording.close()
            raise
        request.mark("read")
        return read

    @contextmanager
    def _admitted(self, read: Clip | Recording, request: Request) -> Generator[None, None, None]:
        """Admit a request for the block; a long recording counts with the windows that wait."""
        try:
            self._scheduler.admit(request, self._first_seconds(read))
            try:
                request.hear(request.audio_seconds)
                yield
            finally:
                self._scheduler.release(request)
                request.mark("run")
        finally:
            if isinstance(read, Recording):
                read.close()

    def _first_seconds(self, read: Clip | Recording) -> float:
        samples = len(read.waveform) if isinstance(read, Clip) else read.ready
        return samples / self._rate

    def _submit(
        self, run: Callable[[list[Clip]], list[Any]], clip: Clip, request: Request
    ) -> "Future[Any]":
        samples = self.loaded.padded_length(len(clip.waveform))
        seconds = len(clip.waveform) / self._rate
        return self._scheduler.submit(run, clip, samples, seconds, request, request.deadline)
