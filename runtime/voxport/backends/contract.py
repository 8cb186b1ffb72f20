"""The contract of the graph inside an artifact: its inputs, its outputs, and one run's answer.

Both backends return ``GraphOutput`` and the exporter names its tensors after ``INPUTS`` and
``OUTPUTS``, so that the order is written down once. Knows shapes, not what computes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import FEATURES

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
# What the nodes begin with that choose how a recording attends; the first branch is the short way.
ATTENTION = "attention_by_length"
# int64 [1]: how many frames a block of time may have, and how many the blocks of a recording have.
MOST_FRAMES, BLOCK_FRAMES = "most_frames", "block_frames"
EMISSION = OUTPUTS[:2]  # what a caller who only wants emissions asks for
DECODED = OUTPUTS[2:]  # what a caller who only wants transcripts asks for


@dataclass(frozen=True)
class GraphOutput:
    """The outputs that were asked for; one that was not is None. Padding holds no meaning."""

    emission: NDArray[np.float32] | None = None  # (B, T, C)
    emission_lengths: NDArray[np.int64] | None = None  # (B,) frames
    tokens: NDArray[np.int64] | None = None  # (B, N) indices into the labels
    token_lengths: NDArray[np.int64] | None = None  # (B,)
    token_starts: NDArray[np.int64] | None = None  # (B, N) frames
    token_ends: NDArray[np.int64] | None = None  # (B, N) frames, exclusive
    token_scores: NDArray[np.float32] | None = None  # (B, N) 0 to 1
    transcript: Sequence[str] | None = None  # (B,)


def join(tokens: NDArray[np.int64] | None, pieces: Sequence[str]) -> list[str]:
    """The transcript from tokens (B, N), for engines that leave it out; -1 pads and adds nothing.

    `pieces`: what each label adds.
    """
    if tokens is None:
        raise TypeError("a transcript is joined from tokens")
    rows: list[list[int]] = tokens.tolist()
    return ["".join([pieces[token] for token in row if token >= 0]) for row in rows]


def feature_output(layer: int) -> str:
    """The name of a transformer layer's output in an ONNX graph; layers count from 1."""
    return f"{FEATURES}{layer}"


@dataclass(frozen=True)
class FeatureOutput:
    """Outputs of transformer layers. Padding holds no meaning."""

    layers: Sequence[NDArray[np.float32]]  # each (B, T, D), in the order asked for
    lengths: NDArray[np.int64]  # (B,) frames


class Backend(Protocol):
    """Something that runs an artifact. Safe to call from several threads."""

    provider: str  # what it runs on, as the backend itself names it
    runtime: str  # what runs it: "onnxruntime 1.31.1"

    def run(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        outputs: Sequence[str] = OUTPUTS,
    ) -> GraphOutput:
        """The outputs named in `outputs`, for each row of the batch."""
        ...

    def extract(
        self,
        waveform: NDArray[np.float32],  # (B, S)
        lengths: NDArray[np.int64],  # (B,) samples
        layers: Sequence[int],  # counted from 1
    ) -> FeatureOutput:
        """The outputs of these transformer layers; for artifacts that were exported with them."""
        ...
