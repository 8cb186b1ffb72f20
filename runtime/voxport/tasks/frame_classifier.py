"""``FrameClassifier``: audio in, the scores of each label in each frame out.

Speaker diarization and voice activity are such models. Knows no backend by name; keeps nothing
between calls, so threads may share one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import AudioInput, Clip, require_sequence
from voxport.backends.contract import Backend, HeadOutput
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.recording_queue import Result, name_each, named
from voxport.package.manifest import Artifact, Manifest
from voxport.tasks.whole_recordings import LONGEST_SECONDS, WholeRecordings


@dataclass(frozen=True)
class LabelSpan:
    """A run of frames with a label."""

    label: str
    start: float  # seconds
    end: float  # seconds
    score: float  # 0 to 1: the mean over the run


@dataclass(frozen=True)
class FrameScores:
    """The answer for one recording."""

    scores: NDArray[np.float32]  # (frames, labels) 0 to 1, each label by itself
    logits: NDArray[np.float32]  # (frames, labels)
    frame_seconds: float  # from the start of a frame to the next one's
    duration: float  # seconds

    def spans(self, labels: Sequence[str], threshold: float = 0.5) -> list[LabelSpan]:
        """List the runs of frames in which a label's score is over a threshold.

        Args:
            labels: of the columns of the scores, the classifier's ``labels``.
            threshold: of the scores, 0 to 1.

        Returns:
            The spans by their start; spans of different labels may overlap.
        """
        found: list[LabelSpan] = []
        for column, label in enumerate(labels):
            is_on = np.concatenate([[False], self.scores[:, column] > threshold, [False]])
            edges = np.flatnonzero(is_on[1:] != is_on[:-1])
            for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
                score = float(self.scores[start:end, column].mean())
                found.append(LabelSpan(label, self._seconds(start), self._seconds(end), score))
        return sorted(found, key=lambda span: (span.start, span.end))

    def _seconds(self, frame: int) -> float:
        return min(frame * self.frame_seconds, self.duration)


class FrameClassifier:
    """Loaded artifact for labels of frames, made by ``voxport.load_frame_classifier``.

    Recordings are those of ``Recognizer``. One that is shorter than a frame, or longer than
    ``longest_seconds``, is an error. Threads may share it.

    Attributes:
        manifest: the package's manifest.
        artifact: the manifest's entry of the running file.
        provider: the execution provider in use.
        labels: the label of each column of the scores.
    """

    def __init__(
        self,
        manifest: Manifest,
        artifact: Artifact,
        backend: Backend,
        *,
        batch_seconds: float = BATCH_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self.manifest = manifest
        self.artifact = artifact
        self.provider = backend.provider
        self.labels = manifest.model.labels
        self._frame_seconds = manifest.model.frame_stride / manifest.model.sample_rate
        self._recordings = WholeRecordings(
            manifest, artifact, backend, batch_seconds, longest_seconds
        )

    def __repr__(self) -> str:
        name = self.manifest.model.name
        return f"<FrameClassifier {name} {self.artifact.path} on {self.provider}>"

    @overload
    def classify_frames(
        self, audio: list[AudioInput] | tuple[AudioInput, ...], sample_rate: int | None = None
    ) -> list[FrameScores]: ...

    @overload
    def classify_frames(self, audio: AudioInput, sample_rate: int | None = None) -> FrameScores: ...

    def classify_frames(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
    ) -> FrameScores | list[FrameScores]:
        """Compute the scores of each label in each frame of a recording, or of each of a list.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.

        Returns:
            The scores, or a list of them in the order given.

        Raises:
            AudioError: a recording cannot be read as audio, is too short or too long.
            InputError: an argument makes no sense.
            InferenceError: the artifact cannot run it.

        Examples:
            >>> import voxport
            >>> classifier = voxport.load_frame_classifier("build/speakers")  # doctest: +SKIP
            >>> found = classifier.classify_frames("talk.flac")  # doctest: +SKIP
            >>> (found.scores > 0.5).sum(axis=0) * found.frame_seconds  # doctest: +SKIP
            array([12.4,  7.9])
        """
        found = [result.get() for result in self._results(named(audio), sample_rate)]
        return found if isinstance(audio, (list, tuple)) else found[0]

    def classify_frames_each(
        self, audio: Iterable[AudioInput], sample_rate: int | None = None
    ) -> Iterator[Result[FrameScores]]:
        """Answer many recordings; a failing one is a result with an error and stops no other.

        Args:
            audio: an iterable of recordings.
            sample_rate: Hz, of arrays; the model's own by default.

        Yields:
            One result a recording, in the order given: ``name``, and ``answer`` or ``error``.
        """
        return self._results(name_each(require_sequence(audio)), sample_rate)

    def _results(
        self, audio: Iterator[tuple[str, AudioInput]], sample_rate: int | None
    ) -> Iterator[Result[FrameScores]]:
        return self._recordings.results(audio, sample_rate, self._read_row)

    def _read_row(self, output: HeadOutput, row: int, clip: Clip) -> FrameScores:
        if output.scores is None or output.logits is None or output.emission_lengths is None:
            raise TypeError("scores of frames need every output of the graph")
        frames = int(output.emission_lengths[row])
        return FrameScores(
            scores=np.array(output.scores[row, :frames]),
            logits=np.array(output.logits[row, :frames]),
            frame_seconds=self._frame_seconds,
            duration=clip.seconds,
        )
