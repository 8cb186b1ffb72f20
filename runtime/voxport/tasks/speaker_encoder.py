"""``SpeakerEncoder``: audio in, one embedding of its speaker out.

Two recordings of one speaker have embeddings of a high cosine similarity; the threshold is the
model's. Knows no backend by name; keeps nothing between calls, so threads may share one.
"""

import math
from collections.abc import Iterable, Iterator
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxport.audio.recording import AudioInput, Clip, require_sequence
from voxport.backends.contract import Backend, HeadOutput
from voxport.errors import InferenceError, InputError
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.recording_queue import Result, name_each, named
from voxport.package.manifest import Artifact, Manifest
from voxport.tasks.whole_recordings import LONGEST_SECONDS, WholeRecordings


class SpeakerEncoder:
    """Loaded artifact for embeddings, made by ``voxport.load_speaker_encoder``.

    Recordings are those of ``Recognizer``. One that is too short for an embedding, or longer than
    ``longest_seconds``, is an error. Threads may share it.

    Attributes:
        manifest: the package's manifest.
        artifact: the manifest's entry of the running file.
        provider: the execution provider in use.
        width: numbers in an embedding.
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
        self._recordings = WholeRecordings(
            manifest, artifact, backend, batch_seconds, longest_seconds
        )
        self.width = self._recordings.head.width

    def __repr__(self) -> str:
        name = self.manifest.model.name
        return f"<SpeakerEncoder {name} {self.artifact.path} on {self.provider}>"

    @overload
    def embed(
        self, audio: list[AudioInput] | tuple[AudioInput, ...], sample_rate: int | None = None
    ) -> list[NDArray[np.float32]]: ...

    @overload
    def embed(self, audio: AudioInput, sample_rate: int | None = None) -> NDArray[np.float32]: ...

    def embed(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Compute the embedding of a recording, or of each of a list of them.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.

        Returns:
            float32 [width], or a list of such arrays in the order given. As the model gives it,
            not normalised.

        Raises:
            AudioError: a recording cannot be read as audio, is too short or too long.
            InputError: an argument makes no sense.
            InferenceError: the artifact cannot run it.

        Examples:
            >>> import voxport
            >>> encoder = voxport.load_speaker_encoder("build/speakers")  # doctest: +SKIP
            >>> one, other = encoder.embed(["one.flac", "other.flac"])  # doctest: +SKIP
            >>> voxport.cosine_similarity(one, other) > 0.86  # doctest: +SKIP
            True
        """
        found = [result.get() for result in self._results(named(audio), sample_rate)]
        return found if isinstance(audio, (list, tuple)) else found[0]

    def embed_each(
        self, audio: Iterable[AudioInput], sample_rate: int | None = None
    ) -> Iterator[Result[NDArray[np.float32]]]:
        """Embed many recordings; a failing one is a result with an error and stops no other.

        Args:
            audio: an iterable of recordings.
            sample_rate: Hz, of arrays; the model's own by default.

        Yields:
            One result a recording, in the order given: ``name``, and ``answer`` or ``error``.
        """
        return self._results(name_each(require_sequence(audio)), sample_rate)

    def _results(
        self, audio: Iterator[tuple[str, AudioInput]], sample_rate: int | None
    ) -> Iterator[Result[NDArray[np.float32]]]:
        return self._recordings.results(audio, sample_rate, self._read_row)

    def _read_row(self, output: HeadOutput, row: int, _clip: Clip) -> NDArray[np.float32]:
        if output.embedding is None or output.embedding.shape[1] != self.width:
            raise InferenceError(f"gave no embedding of {self.width} numbers", self.artifact.path)
        return output.embedding[row].copy()


def cosine_similarity(one: ArrayLike, other: ArrayLike) -> float:
    """Return the cosine of the angle between two embeddings, -1 to 1.

    Args:
        one: an embedding [width].
        other: another of the same width.

    Raises:
        InputError: they differ in shape, or one of them is zero.

    Examples:
        >>> from voxport.tasks.speaker_encoder import cosine_similarity
        >>> cosine_similarity([1.0, 0.0], [2.0, 0.0])
        1.0
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(
            f"expected two embeddings of one width, got the shapes {list(a.shape)} and "
            f"{list(b.shape)}"
        )
    norm = math.hypot(*a.tolist()) * math.hypot(*b.tolist())
    if not norm > 0 or not math.isfinite(norm):
        raise InputError("an embedding is zero or holds values that are not numbers")
    cosine: float = np.vdot(a, b).item() / norm
    return max(-1.0, min(1.0, cosine))
