"""``FeatureExtractor``: audio in, the outputs of a model's transformer layers out.

A CTC head, a speaker classifier or a voice converter is built on these. Works for models without a
CTC head too. Knows no backend by name and no labels; keeps nothing between calls, so threads may
share one.
"""

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from numbers import Integral
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import AudioInput, Clip, read_clip
from voxport.backends.contract import Backend
from voxport.errors import ArtifactUnavailableError, InputError
from voxport.inference.batch_runner import BatchRunner
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.recording_queue import RecordingQueue, named
from voxport.package.manifest import Artifact, Manifest


class FeatureExtractor:
    """Loaded artifact for features, made by ``voxport.load_features``.

    Threads may share it.

    Attributes:
        manifest: the package's manifest.
        artifact: the manifest's entry of the running file.
        provider: the execution provider in use.
        layers: the number of transformer layers.
        width: channels of each layer's output.
    """

    def __init__(
        self,
        manifest: Manifest,
        artifact: Artifact,
        backend: Backend,
        *,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        if manifest.features is None or not artifact.features:
            raise ArtifactUnavailableError(
                "gives no features; `voxport export MODEL --features` writes artifacts that do",
                artifact.path,
            )
        self.manifest = manifest
        self.artifact = artifact
        self.provider = backend.provider
        self.layers = manifest.features.layers
        self.width = manifest.features.width
        self._runner = BatchRunner(manifest.model, artifact, backend)
        self._rate = manifest.model.sample_rate
        self._limit = max(1, int(min(batch_seconds * self._rate, sys.maxsize)))

    def __repr__(self) -> str:
        name = self.manifest.model.name
        return f"<FeatureExtractor {name} {self.artifact.path} on {self.provider}>"

    @overload
    def features(
        self,
        audio: list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> list[NDArray[np.float32]]: ...

    @overload
    def features(
        self,
        audio: AudioInput,
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32]: ...

    def features(
        self,
        audio: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Compute transformer layers' outputs of a recording, or of each of a list of them.

        Args:
            audio: a recording (path, array, bytes, binary file), or a list of recordings, as in
                ``Recognizer``.
            sample_rate: Hz, of arrays; the model's own by default. Files bring theirs.
            layers: numbers of layers, from 1, in the order wanted; all of them by default. Layer n
                is what ``model.extract_features`` of torchaudio gives at index n - 1, and
                ``hidden_states`` of Hugging Face at index n. Fewer layers save memory, not time:
                every layer is computed.

        Returns:
            float32 [layers, frames, width], or a list of such arrays in the order given.

        Raises:
            AudioError: a recording cannot be read as audio.
            InputError: an argument makes no sense, a layer that is not there for one.
            InferenceError: the artifact cannot run it, for want of memory for one. Recordings run
                whole here, never in windows.

        Examples:
            >>> import voxport
            >>> extractor = voxport.load_features("build/base960h")  # doctest: +SKIP
            >>> extractor.features("speech.flac", layers=[9]).shape  # doctest: +SKIP
            (1, 499, 768)
        """
        chosen = self._chosen_layers(layers)
        queue = RecordingQueue(
            partial(read_clip, model_rate=self._rate, sample_rate=sample_rate),
            partial(self._extract, layers=chosen),
            self._runner.padded_length,
            self._limit,
            spread=self._runner.spread,
        )
        found = [result.get() for result in queue.results(named(audio))]
        return found if isinstance(audio, (list, tuple)) else found[0]

    def _chosen_layers(self, layers: Sequence[int] | None) -> list[int]:
        numbers = range(1, self.layers + 1)
        given: Any = numbers if layers is None else layers
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InputError(f"expected a list of layers, as [{self.layers}], got {given!r}")
        chosen = list(cast("Iterable[Any]", given))
        wrong = [item for item in chosen if not isinstance(item, Integral) or item not in numbers]
        if wrong or not chosen:
            raise InputError(
                f"layers are numbered 1 to {self.layers}, got {repr(wrong[0]) if wrong else 'none'}"
            )
        return list(map(int, chosen))

    def _extract(self, clips: list[Clip], layers: list[int]) -> list[NDArray[np.float32]]:
        output = self._runner.extract(clips, layers)
        return [
            np.stack([layer[row, :frames] for layer in output.layers])  # (L, T, D)
            for row, frames in enumerate(output.lengths)
        ]
