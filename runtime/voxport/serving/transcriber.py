"""Requests of one recognizer through a scheduler: a clip at once, or a long recording's windows.

The text is that of ``Recognizer.transcribe``, by the same steps: only the batches differ, and a
clip's answer does not depend on its batch. Knows the scheduler and the recognizer, no HTTP.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.alignment import text_aligner
from voxport.alignment.text_aligner import AlignedTranscript
from voxport.audio.recording import AudioInput, Clip, Recording
from voxport.inference.windows import Window
from voxport.recognizer import Recognizer
from voxport.serving.request import Request
from voxport.serving.scheduled_model import ScheduledModel
from voxport.transcript.transcript import Transcript

# Windows of one recording that wait at a time: the next is ready when one is done, and an hour of
# audio is not in memory.
_WINDOWS_AHEAD = 3

_Emission = NDArray[np.float32]  # (frames, labels)


class Transcriber(ScheduledModel[Recognizer]):
    """Recognizer that shares a scheduler's batches. Threads may share it, one a request."""

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
                run = self.loaded.transcribe_clips
                transcript: Transcript = self._submit(run, read, request).result()
                if request.said is not None and transcript.text:
                    request.said(transcript.text)
                return transcript
            parts = self.loaded.join_emission(self._run_windows(read, request))
            return self.loaded.join_transcript(parts, read, request.said)

    def align(
        self, audio: AudioInput | Recording, text: str, request: Request | None = None
    ) -> AlignedTranscript:
        """Align a known text with a recording; blocks until it is done."""
        request = request or Request()
        read = self._read(audio, request)
        with self._admitted(read, request):
            if isinstance(read, Clip):
                emission: _Emission = self._submit(self.loaded.emit_clips, read, request).result()
            else:
                answers = self._run_windows(read, request)
                emission = np.concatenate(list(self.loaded.join_emission(answers)))
        model = self.loaded.manifest.model
        return text_aligner.align([emission], [text], [read.seconds], model, ["the audio"])[0]

    def _run_windows(
        self, recording: Recording, request: Request
    ) -> Iterator[tuple[Window, _Emission]]:
        waiting: deque[tuple[Window, Future[Any]]] = deque()
        for window in self.loaded.windows(recording):
            request.hear(recording.seconds)
            clip = Clip(window.waveform, 0.0)
            waiting.append((window, self._submit(self.loaded.emit_clips, clip, request)))
            if len(waiting) >= _WINDOWS_AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for window, future in waiting:
            yield window, future.result()
