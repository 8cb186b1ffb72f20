"""Clips through an artifact: padded to one batch, and refused where memory cannot hold them.

What a recogniser and a feature extractor do alike. Knows no order of inputs and no answers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import Clip
from voxport.backends import providers
from voxport.backends.contract import EMISSION, Backend, FeatureOutput, GraphOutput
from voxport.errors import InferenceError
from voxport.inference import attention_memory
from voxport.inference.batches import rounded
from voxport.package.manifest import ONNX, Artifact, ModelInfo


class Engine:
    """A backend for clips of one model. Several threads may use it at once."""

    def __init__(self, model: ModelInfo, artifact: Artifact, backend: Backend) -> None:
        self.provider = backend.provider  # what the backend really runs on
        self._model = model
        self._path = artifact.path
        self._backend = backend
        # What `memory` knows is onnxruntime's use of the machine's memory by attention at once;
        # torch's is fused, and a device's memory is not known here.
        is_at_once = artifact.kind == ONNX and not artifact.attention_in_blocks
        self._shares_memory = is_at_once and self.provider.lower().startswith("cpu")
        self._is_rounded = self.provider in providers.GPUS

    def run(self, clips: Sequence[Clip], outputs: Sequence[str]) -> GraphOutput:
        """The outputs of that name, a row a clip."""
        return self._backend.run(*self._batch(clips), outputs)

    def emissions(self, clips: Sequence[Clip]) -> list[NDArray[np.float32]]:
        """The emission (frames, labels) of each clip."""
        output = self.run(clips, EMISSION)
        if output.emission is None or output.emission_lengths is None:
            raise InferenceError(f"{self._path}: gave no emission")
        lengths = output.emission_lengths.tolist()
        return [row[:length] for row, length in zip(output.emission, lengths, strict=True)]

    def padded(self, samples: int) -> int:
        """The least that a row of so many samples takes up in a batch."""
        least = max(samples, self._model.receptive_field)  # one frame
        return rounded(least, self._model.sample_rate) if self._is_rounded else least

    def suffices(self, samples: int) -> bool:
        """Whether as many samples are sure to run at once, as far as that is known."""
        return not self._shares_memory or attention_memory.suffices(samples, self._model)

    def extract(self, clips: Sequence[Clip], layers: Sequence[int]) -> FeatureOutput:
        """The outputs of these transformer layers, a row a clip."""
        return self._backend.extract(*self._batch(clips), layers)

    def _batch(self, clips: Sequence[Clip]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Waveforms (B, S) and lengths (B,)."""
        lengths = np.array([len(clip.waveform) for clip in clips], np.int64)
        samples = self.padded(int(lengths.max()))
        if self._shares_memory and (
            shortage := attention_memory.shortage(len(clips), samples, self._model)
        ):
            raise InferenceError(shortage, clips[int(lengths.argmax())].name)
        waveform = np.zeros((len(clips), samples), np.float32)
        for row, clip in enumerate(clips):
            waveform[row, : lengths[row]] = clip.waveform
        return waveform, lengths
