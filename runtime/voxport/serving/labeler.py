"""Requests of one classifier through a scheduler.

The labels and scores are those of ``Classifier.classify``. Knows the scheduler and the classifier,
no HTTP.
"""

from dataclasses import replace

from voxport.audio.recording import AudioInput, Clip, Recording
from voxport.serving.request import Request
from voxport.serving.scheduled_model import ScheduledModel
from voxport.tasks.classifier import Classification, Classifier


class Labeler(ScheduledModel[Classifier]):
    """Classifier that shares a scheduler's batches. Threads may share it, one a request."""

    def classify(
        self, audio: AudioInput | Recording, top_k: int, request: Request | None = None
    ) -> Classification:
        """Classify a recording, and close it if it is open; blocks until it is done.

        Raises:
            OverloadedError, StoppedError: it is not admitted.
            TooLongError: it has too many seconds.
            GoneError: it was cancelled.
            VoxportError: as ``Classifier.classify``.
        """
        request = request or Request()
        clip = self._read(audio, request)
        assert isinstance(clip, Clip)  # a classifier has no windows
        with self._admitted(clip, request):
            found: Classification = self._submit(self.loaded.classify_clips, clip, request).result()
            return replace(found, scores=found.scores[:top_k])
