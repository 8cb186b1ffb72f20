"""``Classifier``: audio in, labels and their scores out.

Language identification, keywords, emotions and other labels of a whole recording. Knows no backend
by name and no file format; keeps nothing between calls, so threads may share one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import AudioInput, Clip, Recording, require_sequence
from voxport.backends.contract import Backend, HeadOutput
from voxport.errors import InputError
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.recording_queue import Result, name_each, named
from voxport.package.manifest import Artifact, Manifest
from voxport.tasks.whole_recordings import LONGEST_SECONDS, WholeRecordings

TOP_K = 5  # labels of an answer, the best ones


@dataclass(frozen=True)
class LabelScore:
    """A label and its score."""

    label: str
    score: float  # 0 to 1


@dataclass(frozen=True)
class Classification:
    """The answer for one recording."""

    label: str  # of the highest score
    scores: tuple[LabelScore, ...]  # the best labels, the highest score first
    duration: float  # seconds

    @property
    def score(self) -> float:
        """The score of the label, 0 to 1."""
        return self.scores[0].score


class Classifier:
    """Loaded artifact for classification, made by ``voxport.load_classifier``.

    Recordings are those of ``Recognizer``: a path, an array, bytes or a binary file; a list of them
    is answered with a list, batched. A recording shorter than the receptive field has no label and
    is an error; so is one longer than ``longest_seconds``. Threads may share it.

    Attributes:
        manifest: the package's manifest.
        artifact: the manifest's entry of the running file.
        provider: the execution provider in use.
        labels: the labels to choose from.
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
        self._recordings = WholeRecordings(
            manifest, artifact, backend, batch_seconds, longest_seconds
        )

    def __repr__(self) -> str:
        name = self.manifest.model.name
        return f"<Classifier {name} {self.artifact.path} on {self.provider}>"

    @overload
    def classify(
        self,
        audio: list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        top_k: int = TOP_K,
    ) -> list[Classification]: ...

    @overload
    def classify(
        self, audio: AudioInput, sample_rate: int | None = None, *, top_k: int = TOP_K
    ) -> Classification: ...

    def classify(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        top_k: int = TOP_K,
    ) -> Classification | list[Classification]:
        """Classify a recording, or each of a list of them.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.
            top_k: the number of labels in ``scores``, at least 1; all of them if there are fewer.

        Returns:
            The label with the best labels' scores, or a list of them in the order given. Where
            labels exclude each other, the scores of all of them add up to 1.

        Raises:
            AudioError: a recording cannot be read as audio, is too short or too long.
            InputError: an argument makes no sense.
            InferenceError: the artifact cannot run it.

        Examples:
            >>> import voxport
            >>> classifier = voxport.load_classifier("build/mms-lid")  # doctest: +SKIP
            >>> classifier.classify("speech.flac", top_k=2).label  # doctest: +SKIP
            'fra'
        """
        count = _checked_count(top_k)
        results = self._results(named(audio), sample_rate, count)
        found = [result.get() for result in results]
        return found if isinstance(audio, (list, tuple)) else found[0]

    def classify_each(
        self,
        audio: Iterable[AudioInput],
        sample_rate: int | None = None,
        *,
        top_k: int = TOP_K,
    ) -> Iterator[Result[Classification]]:
        """Classify many recordings; a failing one is a result with an error and stops no other.

        Args:
            audio: an iterable of recordings.
            sample_rate: Hz, of arrays; the model's own by default.
            top_k: as in ``classify``.

        Yields:
            One result a recording, in the order given: ``name``, and ``answer`` or ``error``.
        """
        count = _checked_count(top_k)
        return self._results(name_each(require_sequence(audio)), sample_rate, count)

    @overload
    def logits(
        self, audio: list[AudioInput] | tuple[AudioInput, ...], sample_rate: int | None = None
    ) -> list[NDArray[np.float32]]: ...

    @overload
    def logits(self, audio: AudioInput, sample_rate: int | None = None) -> NDArray[np.float32]: ...

    def logits(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Compute the logits of a recording, or of each of a list of them.

        Arguments and errors are those of ``classify``.

        Returns:
            float32 [labels], or a list of such arrays.
        """

        def read_row(output: HeadOutput, row: int, _clip: Clip) -> NDArray[np.float32]:
            return _require(output.logits)[row].copy()

        results = self._recordings.results(named(audio), sample_rate, read_row)
        found = [result.get() for result in results]
        return found if isinstance(audio, (list, tuple)) else found[0]

    def _results(
        self, audio: Iterator[tuple[str, AudioInput]], sample_rate: int | None, top_k: int
    ) -> Iterator[Result[Classification]]:
        read_row = partial(self._read_row, top_k)
        return self._recordings.results(audio, sample_rate, read_row)

    def _read_row(
        self, top_k: int | None, output: HeadOutput, row: int, clip: Clip
    ) -> Classification:
        scores = _require(output.scores)[row]
        best = sorted(range(len(scores)), key=lambda i: -float(scores[i]))[:top_k]
        listed = tuple(LabelScore(self.labels[i], float(scores[i])) for i in best)
        return Classification(listed[0].label, listed, clip.seconds)

    # Steps of ``classify``, for a caller that batches the clips of many recordings.

    def read(self, recording: Recording) -> Clip:
        """Read a recording and close it; refuse one too short or too long for an answer."""
        return self._recordings.read(recording)

    def padded_length(self, samples: int) -> int:
        """Return the least length of a row of ``samples`` in a batch."""
        return self._recordings.padded_length(samples)

    def classify_clips(self, clips: list[Clip]) -> list[Classification]:
        """Classify clips in one batch, with the scores of all labels."""
        return self._recordings.run(clips, partial(self._read_row, None))


def _require(values: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if values is None:
        raise TypeError("a classification needs the graph's logits and scores")
    return values


def _checked_count(top_k: Any) -> int:
    if isinstance(top_k, bool) or not isinstance(top_k, Integral) or top_k < 1:
        raise InputError(f"top_k must be a whole number of at least 1, got {top_k!r}")
    return int(top_k)
