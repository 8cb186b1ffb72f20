"""Requests of one recognizer through a scheduler: a clip at once, or a long recording's windows.

The text is that of ``Recognizer.transcribe``, by the same steps: only the batches differ, and a
clip's answer does not depend on its batch. Knows the scheduler and the recognizer, no HTTP.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.alignment import text_aligner
from voxport.alignment.text_aligner import AlignedTranscript
from voxport.audio.recording import AudioInput, Clip, Recording, open_recording
from voxport.errors import InputError
from voxport.inference.windows import Window
from voxport.recognizer import Recognizer
from voxport.serving.scheduler import GoneError, Scheduler
from voxport.transcript.transcript import Transcript

# Windows of one recording that wait at a time: the next is ready when one is done, and an hour of
# audio is not in memory.
_WINDOWS_AHEAD = 3

_Emission = NDArray[np.float32]  # (frames, labels)


class TooLongError(InputError):
    """Recording of more seconds than a request may have."""


@dataclass(eq=False)
class Request:
    """One recording on its way: its limits, and what became of it."""

    longest_seconds: float = float("inf")  # of audio
    deadline: float | None = None  # by the scheduler's clock
    said: Callable[[str], None] | None = None  # called with text as it becomes final
    audio_seconds: float = 0.0  # read so far
    _is_cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def is_cancelled(self) -> bool:
        """True once nobody waits for the answer."""
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        """End the request at its next step; ``Transcriber.cancel`` ends what waits, too."""
        self._is_cancelled.set()

    def hear(self, seconds: float) -> None:
        """Note the audio read so far; raise if the request must end."""
        self.audio_seconds = seconds
        if self.is_cancelled:
            raise GoneError
        if seconds > self.longest_seconds:
            raise TooLongError(f"is longer than {self.longest_seconds:g} s, the longest accepted")


class Transcriber:
    """Recognizer that shares a scheduler's batches. Threads may share it, one a request."""

    def __init__(self, recognizer: Recognizer, scheduler: Scheduler) -> None:
        self.recognizer = recognizer
        self._scheduler = scheduler
        self._rate = recognizer.manifest.model.sample_rate

    def transcribe(
        self, audio: AudioInput | Recording, request: Request | None = None
    ) -> Transcript:
        """Transcribe a recording, and close it if it is open; blocks until it is done.

        Raises:
            OverloadedError, StoppedError: it is not admitted.
            TooLongError: it has too many seconds.
            GoneError: it was cancelled.
            VoxportError: as ``Recognizer.transcribe``.
        """
        request = request or Request()
        read = self._read(audio, request)
        with self._admitted(read, request):
            if isinstance(read, Clip):
                run = self.recognizer.transcribe_clips
                transcript: Transcript = self._submit(run, read, request).result()
                if request.said is not None and transcript.text:
                    request.said(transcript.text)
                return transcript
            parts = self.recognizer.join_emission(self._run_windows(read, request))
            return self.recognizer.join_transcript(parts, read, request.said)

    def align(
        self, audio: AudioInput | Recording, text: str, request: Request | None = None
    ) -> AlignedTranscript:
        """Align a known text with a recording; blocks until it is done."""
        request = request or Request()
        read = self._read(audio, request)
        with self._admitted(read, request):
            if isinstance(read, Clip):
                emission: _Emission = self._submit(
                    self.recognizer.emit_clips, read, request
                ).result()
            else:
                answers = self._run_windows(read, request)
                emission = np.concatenate(list(self.recognizer.join_emission(answers)))
        model = self.recognizer.manifest.model
        return text_aligner.align([emission], [text], [read.seconds], model, ["the audio"])[0]

    def cancel(self, request: Request) -> None:
        """End a request that nobody waits for: what waits of it is not run."""
        request.cancel()
        self._scheduler.release(request)

    def _read(self, audio: AudioInput | Recording, request: Request) -> Clip | Recording:
        is_open = isinstance(audio, Recording)
        recording = audio if is_open else open_recording(audio, self._rate)
        try:
            request.hear(recording.promised or 0.0)  # before an hour is decoded
            read = self.recognizer.read(recording)
            request.hear(read.seconds)
        except BaseException:
            recording.close()
            raise
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
        finally:
            if isinstance(read, Recording):
                read.close()

    def _first_seconds(self, read: Clip | Recording) -> float:
        samples = len(read.waveform) if isinstance(read, Clip) else read.ready
        return samples / self._rate

    def _run_windows(
        self, recording: Recording, request: Request
    ) -> Iterator[tuple[Window, _Emission]]:
        waiting: deque[tuple[Window, Future[Any]]] = deque()
        for window in self.recognizer.windows(recording):
            request.hear(recording.seconds)
            clip = Clip(window.waveform, 0.0)
            waiting.append((window, self._submit(self.recognizer.emit_clips, clip, request)))
            if len(waiting) >= _WINDOWS_AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for window, future in waiting:
            yield window, future.result()

    def _submit(
        self, run: Callable[[list[Clip]], list[Any]], clip: Clip, request: Request
    ) -> "Future[Any]":
        samples = self.recognizer.padded_length(len(clip.waveform))
        seconds = len(clip.waveform) / self._rate
        return self._scheduler.submit(run, clip, samples, seconds, request, request.deadline)
