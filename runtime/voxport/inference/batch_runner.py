"""Batches of clips through an artifact: padding, the check of memory, and the run.

Shared by ``Recognizer`` and ``FeatureExtractor``. Knows no names of recordings, no order and no
text.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxport.audio.recording import Clip
from voxport.backends import providers
from voxport.backends.contract import EMISSION, Backend, FeatureOutput, GraphOutput, HeadOutput
from voxport.errors import InferenceError
from voxport.inference import attention_memory
from voxport.inference.batches import CPU_SPREAD, round_up_length
from voxport.package.manifest import ONNX, Artifact, ModelInfo


class BatchRunner:
    """Backend with the padding and the memory check of one model. Several threads may share it."""

    def __init__(self, model: ModelInfo, artifact: Artifact, backend: Backend) -> None:
        self.provider = backend.provider  # what the backend really runs on
        self._model = model
        self._path = artifact.path
        self._backend = backend
        # `attention_memory` estimates onnxruntime's use of the machine's memory by attention that
        # is computed at once; torch's is fused, and a device's memory is not known here.
        is_at_once = artifact.kind == ONNX and not artifact.attention_in_blocks
        self._is_memory_checked = is_at_once and self.provider.lower().startswith("cpu")
        self._is_length_rounded = self.provider in providers.GPUS
        # A GPU has few lengths, so that little is padded, and room for many rows.
        self.spread = math.inf if self._is_length_rounded else CPU_SPREAD

    def run(self, clips: Sequence[Clip], outputs: Sequence[str]) -> GraphOutput:
        """Return the named outputs, a row a clip."""
        return self._backend.run(*self._batch(clips), outputs)

    def emissions(self, clips: Sequence[Clip]) -> list[NDArray[np.float32]]:
        """Return the emission (frames, labels) of each clip, all of them numbers."""
        output = self.run(clips, EMISSION)
        if output.emission is None or output.emission_lengths is None:
            raise InferenceError(f"{self._path}: gave no emission")
        lengths = output.emission_lengths.tolist()
        rows = [row[:length] for row, length in zip(output.emission, lengths, strict=True)]
        if any(np.isnan(row).any() for row in rows):
            raise InferenceError(
                f"{self._path}: gave an emission that holds values that are not numbers (NaN)"
            )
        return rows

    def extract(self, clips: Sequence[Clip], layers: Sequence[int]) -> FeatureOutput:
        """Return the outputs of these transformer layers, a row a clip."""
        return self._backend.extract(*self._batch(clips), layers)

    def answer(self, clips: Sequence[Clip]) -> HeadOutput:
        """Return the outputs of the model's task, not transcription, a row a clip."""
        return self._backend.answer(*self._batch(clips), self._model.task)

    def padded_length(self, samples: int) -> int:
        """Return the least length of a row of ``samples`` in a batch, padding included."""
        least = max(samples, self._model.receptive_field)  # one frame
        if not self._is_length_rounded:
            return least
        return round_up_length(least, self._model.sample_rate)

    def is_sure_to_fit(self, samples: int) -> bool:
        """Return True if ``samples`` can run at once, or if nothing is known against it."""
        return not self._is_memory_checked or attention_memory.is_sure_to_fit(samples, self._model)

    def _batch(self, clips: Sequence[Clip]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return waveforms (B, S) and lengths (B,)."""
        lengths = np.array([len(clip.waveform) for clip in clips], np.int64)
        samples = self.padded_length(int(lengths.max()))
        if self._is_memory_checked and (
            shortage := attention_memory.find_shortage(len(clips), samples, self._model)
        ):
            raise InferenceError(shortage)
        waveform = np.zeros((len(clips), samples), np.float32)
        for row, clip in enumerate(clips):
            waveform[row, : lengths[row]] = clip.waveform
        return waveform, lengths
