"""Checks of a graph's outputs against the contract, before anybody believes them.

A package is somebody's file: its graph may answer with an index past the labels, missing rows, or
scores that are not numbers, and they would end as a traceback or as invalid JSON. The checks read
each output once. Knows the contract and the model's labels; no engine.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.backends.checked_arrays import array_problem, length_problem, range_problem
from voxport.backends.checked_head import head_problem
from voxport.backends.contract import (
    OUTPUTS,
    Backend,
    FeatureOutput,
    GraphOutput,
    HeadOutput,
    join_pieces,
)
from voxport.errors import InferenceError
from voxport.package.manifest import ModelInfo

_SCORE_SLACK = 1e-3  # a mean of posteriors is at most 1, within rounding


class CheckedBackend:
    """A backend with outputs checked against the contract; an error names the breach."""

    def __init__(self, backend: Backend, path: str, model: ModelInfo) -> None:
        self.provider = backend.provider
        self.runtime = backend.runtime
        self._backend = backend
        self._path = path
        self._labels = len(model.labels)
        self._pieces = model.pieces
        self._names = model.labels
        self._stride = model.frame_stride

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Return the named outputs for each row of the batch.

        Raises:
            InferenceError: the run fails, or an output breaks the contract.
        """
        output = self._backend.run(waveform, lengths, outputs)
        self._refuse(self._problem(output, outputs, *waveform.shape))
        return output

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        layers: Sequence[int],  # counted from 1
    ) -> FeatureOutput:
        """Return the outputs of these transformer layers.

        Raises:
            InferenceError: the run fails, or an output breaks the contract.
        """
        output = self._backend.extract(waveform, lengths, layers)
        self._refuse(self._feature_problem(output, *waveform.shape))
        return output

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        task: str,
    ) -> HeadOutput:
        """Return the outputs of a task other than transcription.

        Raises:
            InferenceError: the run fails, or an output breaks the contract.
        """
        output = self._backend.answer(waveform, lengths, task)
        frames = self._max_frames(waveform.shape[1])
        self._refuse(head_problem(output, task, len(waveform), frames, self._names))
        return output

    def _refuse(self, problem: str | None) -> None:
        if problem is not None:
            raise InferenceError(
                f"its graph breaks the contract: {problem}; nothing of this run is used",
                self._path,
            )

    def _problem(
        self, output: GraphOutput, outputs: Sequence[str], rows: int, samples: int
    ) -> str | None:
        absent = [name for name in outputs if getattr(output, name) is None]
        if absent:
            return f"it gives no {absent[0]}"
        frames = self._max_frames(samples)
        return (
            _emission_problem(output, rows, frames, self._labels)
            or _token_problem(output, rows, frames, self._labels)
            or _transcript_problem(output.transcript, rows)
            or _text_problem(output, self._pieces)
        )

    def _feature_problem(self, output: FeatureOutput, rows: int, samples: int) -> str | None:
        frames = self._max_frames(samples)
        for number, layer in enumerate(output.layers, 1):
            if problem := array_problem("a layer", layer, np.float32, (rows, None, None)):
                return problem
            if problem := length_problem("the features", output.lengths, rows, layer.shape[1]):
                return problem
            if layer.shape[1] > frames:
                return f"{layer.shape[1]} frames of features for {samples} samples"
            if not np.isfinite(layer).all():
                return f"output {number} of its layers holds values that are not numbers"
        return None

    def _max_frames(self, samples: int) -> int:
        return samples // self._stride + 1


def _emission_problem(output: GraphOutput, rows: int, frames: int, labels: int) -> str | None:
    emission, lengths = output.emission, output.emission_lengths
    if emission is not None:
        if problem := array_problem("emission", emission, np.float32, (rows, None, labels)):
            return problem
        if emission.shape[1] > frames:
            return f"an emission of {emission.shape[1]} frames, more than {frames}"
        if not (emission < np.inf).all():  # -inf is the logarithm of 0; NaN compares as false
            return "emission holds values that are not numbers"
        frames = emission.shape[1]
    return None if lengths is None else length_problem("emission", lengths, rows, frames)


def _token_problem(output: GraphOutput, rows: int, frames: int, labels: int) -> str | None:
    columns = {
        "tokens": (output.tokens, np.int64),
        "token_starts": (output.token_starts, np.int64),
        "token_ends": (output.token_ends, np.int64),
        "token_scores": (output.token_scores, np.float32),
    }
    given = {name: values for name, (values, _) in columns.items() if values is not None}
    width = next((values.shape[-1] if values.ndim else 0 for values in given.values()), None)
    for name, values in given.items():
        if problem := array_problem(name, values, columns[name][1], (rows, width)):
            return problem
    counts = output.token_lengths
    if counts is None:
        return range_problem("tokens", output.tokens, -1, labels - 1)
    if problem := length_problem("tokens", counts, rows, frames if width is None else width):
        return problem
    if width is None:
        return None
    is_token = np.arange(width) < counts[:, None]
    parts = {name: values[is_token] for name, values in given.items()}
    return (
        range_problem("tokens", parts.get("tokens"), 0, labels - 1)
        or range_problem("token_starts", parts.get("token_starts"), 0, frames)
        or range_problem("token_ends", parts.get("token_ends"), 0, frames)
        or range_problem("token_scores", parts.get("token_scores"), 0, 1 + _SCORE_SLACK)
        or _order_problem(output, is_token)
    )


def _order_problem(output: GraphOutput, is_token: NDArray[np.bool_]) -> str | None:
    """Compare each token's start with its end, and its end with the next one's start."""
    starts, ends = output.token_starts, output.token_ends
    if starts is None or ends is None:
        return None
    if (starts >= ends)[is_token].any():
        return "a token ends before it starts"
    if (ends[:, :-1] > starts[:, 1:])[is_token[:, 1:]].any():
        return "a token starts before the one before it ends"
    return None


def _transcript_problem(transcript: Any, rows: int) -> str | None:
    if transcript is None:
        return None
    if len(transcript) != rows:
        return f"{len(transcript)} transcripts for {rows} recordings"
    if not all(isinstance(text, str) for text in transcript):
        return "a transcript is no text"
    return None


def _text_problem(output: GraphOutput, pieces: Sequence[str]) -> str | None:
    """Compare each transcript with its tokens, whose times and scores would be another text's."""
    if output.transcript is None or output.tokens is None or output.token_lengths is None:
        return None
    tokens: NDArray[np.int64] = np.array(output.tokens, np.int64)
    for index, count in enumerate(output.token_lengths.tolist()):
        tokens[index, count:] = -1
    joined = join_pieces(tokens, pieces)
    is_same = list(output.transcript) == joined
    return None if is_same else "its transcript is not its tokens joined"
