"""``FeatureExtractor``: audio in, the outputs of a model's transformer layers out.

What a CTC head, a speaker classifier or a voice converter is built on. Works for models without a
CTC head too. Knows no backend by name and no labels; keeps nothing between calls, so threads may
share one.
"""

import sys
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import AudioInput, Clip, name_of, read_clip
from voxport.backends.contract import Backend
from voxport.errors import ArtifactUnavailableError, InputError
from voxport.inference.batches import BATCH_SECONDS, batches
from voxport.inference.engine import Engine
from voxport.package.manifest import Artifact, Manifest


class FeatureExtractor:
    """A loaded artifact that was exported with ``--features``; ``voxport.load_features`` makes one.

    Several threads may use it at once.
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
        self.provider = backend.provider  # what the backend really runs on
        self.layers = manifest.features.layers  # how many there are
        self.width = manifest.features.width  # channels of each
        self._engine = Engine(manifest.model, artifact, backend)
        self._rate = manifest.model.sample_rate
        self._limit = max(1, int(min(batch_seconds * self._rate, sys.maxsize)))

    def __repr__(self) -> str:
        name = self.manifest.model.name
        return f"<FeatureExtractor {name} {self.artifact.path} on {self.provider}>"

    @overload
    def features(
        self,
        x: list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> list[NDArray[np.float32]]: ...

    @overload
    def features(
        self,
        x: AudioInput,
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32]: ...

    def features(
        self,
        x: AudioInput | list[AudioInput] | tuple[AudioInput, ...],
        sample_rate: int | None = None,
        *,
        layers: Sequence[int] | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """The layers' outputs for a recording, float32 [layers, frames, width], or each of many.

        Recordings are what ``Recognizer.transcribe`` takes. `layers` counts from 1, so that layer n
        is what ``model.extract_features`` of torchaudio gives at index n - 1, and ``hidden_states``
        of Hugging Face at index n; without it, all of them, in order. It saves memory, not time:
        every layer is computed.
        """
        chosen = self._chosen(layers)
        if not isinstance(x, (list, tuple)):
            clip = read_clip(x, name_of(x, "the input"), sample_rate, self._rate)
            return self._extract([clip], chosen)[0]
        clips = [
            read_clip(one, name_of(one, f"inputs[{i}]"), sample_rate, self._rate)
            for i, one in enumerate(x)
        ]
        found: dict[int, NDArray[np.float32]] = {}
        lengths = [self._engine.padded(len(clip.waveform)) for clip in clips]
        for batch in batches(lengths, self._limit):
            answers = self._extract([clips[i] for i in batch], chosen)
            found.update(zip(batch, answers, strict=True))
        return [found[index] for index in range(len(clips))]

    def _chosen(self, layers: Sequence[int] | None) -> list[int]:
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
        output = self._engine.extract(clips, layers)
        return [
            np.stack([layer[row, :frames] for layer in output.layers])  # (L, T, D)
            for row, frames in enumerate(output.lengths)
        ]
