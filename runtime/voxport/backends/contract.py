"""The contract of the graph inside an artifact: its inputs, its outputs, and the result of a run.

Every backend returns ``GraphOutput`` and the exporter names its tensors after ``INPUTS`` and
``OUTPUTS``, so the order is written down once. Knows shapes, no engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import CLASSIFICATION, EMBEDDING, FEATURES, FRAMES
from voxport.package.word_pieces import drop_first_space, has_word_pieces

INPUTS = ("waveform", "lengths")
SAMPLE_RATE = "sample_rate"  # an optional input of ONNX graphs
OUTPUTS = (
    "emission",
    "emission_lengths",
    "tokens",
    "token_lengths",
    "token_starts",
    "token_ends",
    "token_scores",
    "transcript",
)
TOKENS, TRANSCRIPT = "tokens", "transcript"
FEATURE_LENGTHS = "feature_lengths"
# Prefix of the If nodes that choose between attention at once (first branch) and in blocks.
ATTENTION = "attention_by_length"
# int64 [1]: the frames allowed in a block of time, and the frames of a recording's blocks.
MOST_FRAMES, BLOCK_FRAMES = "most_frames", "block_frames"
LABEL = "label"
# Outputs of a graph whose task is not transcription, in the order of TorchScript's results
HEAD_OUTPUTS = {
    CLASSIFICATION: ("logits", "scores", LABEL),
    FRAMES: ("logits", "scores", "emission_lengths"),
    EMBEDDING: ("embedding",),
}
TEXTS = (TRANSCRIPT, LABEL)  # outputs of strings
EMISSION = OUTPUTS[:2]  # for callers of emissions only
DECODED = OUTPUTS[2:]  # for callers of transcripts only


@dataclass(frozen=True)
class GraphOutput:
    """The requested outputs of a run; the others are None. Padding holds no meaning."""

    emission: NDArray[np.float32] | None = None  # (B, T, C)
    emission_lengths: NDArray[np.int64] | None = None  # (B,) frames
    tokens: NDArray[np.int64] | None = None  # (B, N) indices into the labels
    token_lengths: NDArray[np.int64] | None = None  # (B,)
    token_starts: NDArray[np.int64] | None = None  # (B, N) frames
    token_ends: NDArray[np.int64] | None = None  # (B, N) frames, exclusive
    token_scores: NDArray[np.float32] | None = None  # (B, N) 0 to 1
    transcript: Sequence[str] | None = None  # (B,)


@dataclass(frozen=True)
class FeatureOutput:
    """Outputs of transformer layers. Padding holds no meaning."""

    layers: Sequence[NDArray[np.float32]]  # each (B, T, D), in the order requested
    lengths: NDArray[np.int64]  # (B,) frames


@dataclass(frozen=True)
class HeadOutput:
    """Outputs of a graph whose task is not transcription; the others of its task are None."""

    logits: NDArray[np.float32] | None = None  # (B, L), or (B, T, L) of frames
    scores: NDArray[np.float32] | None = None  # as the logits, 0 to 1
    label: Sequence[str] | None = None  # (B,); None also from engines without strings
    emission_lengths: NDArray[np.int64] | None = None  # (B,) frames
    embedding: NDArray[np.float32] | None = None  # (B, D)


@dataclass(frozen=True)
class ModelFile:
    """The file of an artifact: its path for messages, and its checked content or a copy of it."""

    path: Path
    content: bytes | None = None  # None: read `copy`
    copy: Path | None = None  # None: read `path` itself, with weights beside it

    @property
    def source(self) -> Path:
        """The path to read, if there is no content."""
        return self.copy or self.path

    def read(self) -> bytes:
        """Return the content."""
        return self.source.read_bytes() if self.content is None else self.content


class Backend(Protocol):
    """An artifact opened in an engine. Safe to call from several threads."""

    provider: str  # the device or provider it runs on, in the engine's own words
    runtime: str  # the engine: "onnxruntime 1.31.1"

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """Return the named outputs for each row of the batch."""
        ...

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        layers: Sequence[int],  # counted from 1
    ) -> FeatureOutput:
        """Return the outputs of these transformer layers; for artifacts with features."""
        ...

    def answer(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        task: str,
    ) -> HeadOutput:
        """Return the outputs of a task other than transcription; for artifacts of that task."""
        ...


def join_pieces(tokens: NDArray[np.int64] | None, pieces: Sequence[str]) -> list[str]:
    """Join the transcripts of tokens (B, N), for engines without text; -1 pads and adds nothing.

    ``pieces``: each label's text.
    """
    if tokens is None:
        raise TypeError("a transcript is joined from tokens")
    rows: list[list[int]] = tokens.tolist()
    texts = [[pieces[token] for token in row if token >= 0] for row in rows]
    if has_word_pieces(pieces):
        texts = [drop_first_space(row) for row in texts]
    return ["".join(row) for row in texts]


def feature_output(layer: int) -> str:
    """Return the name of a transformer layer's output in an ONNX graph; layers count from 1."""
    return f"{FEATURES}{layer}"
