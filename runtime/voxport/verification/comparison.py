"""Comparison of an artifact's answers with the expected ones: emissions within rounding, the rest
exactly.

A low-precision artifact has limits of its own: its emissions may differ by the amount measured at
export, and its transcripts in a few characters. Knows the expected answers and a backend to ask;
neither their origin nor their display.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxport.backends.contract import Backend, FeatureOutput, GraphOutput
from voxport.package.manifest import QualityGate
from voxport.transcript.edit_distance import edit_distance

# Rounding, as a share of the largest emission (of 1 at least): sums in another order, in float32.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Expected:
    """The right answer for a recording."""

    name: str
    waveform: NDArray[np.float32]  # (S,) at the model's rate
    emission: NDArray[np.float32]  # (frames, labels)
    transcript: str
    tokens: tuple[int, ...] | None = None  # None: not known, as for the two below
    starts: tuple[int, ...] | None = None  # frames
    ends: tuple[int, ...] | None = None  # frames, exclusive


@dataclass(frozen=True)
class ExpectedFeatures:
    """The right outputs of every transformer layer for a recording."""

    name: str
    waveform: NDArray[np.float32]  # (S,) at the model's rate
    layers: NDArray[np.float32]  # (layers, frames, width)


@dataclass(frozen=True)
class ExpectedAnswer:
    """The right answer for a recording where the task is not transcription."""

    name: str
    waveform: NDArray[np.float32]  # (S,) at the model's rate
    values: NDArray[np.float32]  # logits (labels,) or (frames, labels), or an embedding (width,)
    label: str | None  # of the recording; None: the task gives none


Answer: TypeAlias = Expected | ExpectedFeatures | ExpectedAnswer


@dataclass(frozen=True)
class Check:
    """One artifact's answer to one recording, compared."""

    artifact: str
    recording: str
    samples: int
    difference: float  # largest, of emissions or of features
    tolerance: float
    transcript: str  # the artifact's, or its label; features have none
    problem: str | None = None  # None: equal
    what: str = "emission"  # or "features", "CER", "logits", "embedding"
    exact: bool = True  # all but the emission had to be equal

    @property
    def ok(self) -> bool:
        """True for the expected answer."""
        return self.problem is None


def compare(
    artifact: str,
    backend: Backend,
    expected: Sequence[Expected],
    padding: float = 0.0,
    limit: float | None = None,
) -> list[Check]:
    """Compare a backend's answers to one batch, padded with ``padding``, with the expected ones.

    ``limit``: the largest difference allowed in a low-precision emission; tokens and text may then
    differ.
    """
    output = backend.run(*pad_batch(expected, padding))
    return [_check(artifact, output, row, item, limit) for row, item in enumerate(expected)]


def compare_texts(artifact: str, pairs: Sequence[tuple[str, str]], gate: QualityGate) -> Check:
    """Compare pairs of an expected and a low-precision text; a few edits are allowed."""
    characters = sum(len(expected) for expected, _ in pairs)
    count = sum(edit_distance(*pair) for pair in pairs)
    limit = gate.edits_limit(characters)
    problem = None if count <= limit else f"{count} edits in {characters} characters: too many"
    rate, most = (number / max(1, characters) for number in (count, limit))
    return Check(artifact, "all texts", 0, rate, most, "", problem, "CER", exact=False)


def compare_features(
    artifact: str,
    backend: Backend,
    expected: Sequence[ExpectedFeatures],
    layers: int,
    padding: float = 0.0,
) -> list[Check]:
    """Compare the features of all of the artifact's ``layers`` in the same way."""
    output = backend.extract(*pad_batch(expected, padding), range(1, layers + 1))
    return [_check_features(artifact, output, row, item) for row, item in enumerate(expected)]


def pad_batch(
    expected: Sequence[Answer], padding: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return waveforms (B, S) and lengths (B,)."""
    lengths = np.array([len(item.waveform) for item in expected], np.int64)
    waveform = np.full((len(expected), lengths.max()), padding, np.float32)
    for row, item in zip(waveform, expected, strict=True):
        row[: len(item.waveform)] = item.waveform
    return waveform, lengths


def _check_features(
    artifact: str, output: FeatureOutput, row: int, expected: ExpectedFeatures
) -> Check:
    """Compare features by the worst layer, relative to its tolerance."""
    frames = int(output.lengths[row])
    found = np.stack([layer[row, :frames] for layer in output.layers])  # (layers, frames, width)
    difference, tolerance = float("inf"), TOLERANCE
    problem = f"the features' shape: expected {expected.layers.shape}, got {found.shape}"
    if found.shape == expected.layers.shape:
        differences = np.abs(found - expected.layers).max(axis=(1, 2), initial=0.0)
        tolerances = TOLERANCE * np.abs(expected.layers).max(axis=(1, 2), initial=1.0)
        worst = int(np.argmax(differences / tolerances))  # a NaN, if there is one
        difference, tolerance = float(differences[worst]), float(tolerances[worst])
        problem = f"layer {worst + 1} differs by {difference:.1e}, more than {tolerance:.1e}"
    is_equal = difference <= tolerance
    samples = len(expected.waveform)
    verdict = None if is_equal else problem
    return Check(artifact, expected.name, samples, difference, tolerance, "", verdict, "features")


def _check(
    artifact: str, output: GraphOutput, row: int, expected: Expected, limit: float | None
) -> Check:
    emission = _row(output.emission, output.emission_lengths, row)
    tolerance = TOLERANCE * max(1.0, float(np.abs(expected.emission).max(initial=0.0)))
    tolerance = tolerance if limit is None else limit
    difference = float("inf")
    if emission.shape == expected.emission.shape:
        difference = float(np.abs(emission - expected.emission).max(initial=0.0))
    problem = _problem(output, row, emission.shape, expected, exactly=limit is None)
    if problem is None and not difference <= tolerance:  # so that NaN is a problem too
        problem = f"emissions differ by {difference:.1e}, more than {tolerance:.1e}"
    transcript = "" if output.transcript is None else str(output.transcript[row])
    samples = len(expected.waveform)
    exact = limit is None
    verdict = (difference, tolerance, transcript, problem)
    return Check(artifact, expected.name, samples, *verdict, exact=exact)


def _problem(
    output: GraphOutput, row: int, shape: tuple[int, ...], expected: Expected, exactly: bool
) -> str | None:
    """Describe the first difference; of the emission's shape alone, if not ``exactly``."""
    transcript = None if output.transcript is None else str(output.transcript[row])
    found: list[tuple[str, object, object]] = [
        ("the emission's shape", shape, expected.emission.shape)
    ]
    if exactly:
        found.append(("the transcript", transcript, expected.transcript))
    for what, given, wanted in (
        ("tokens", output.tokens, expected.tokens),
        ("token starts", output.token_starts, expected.starts),
        ("token ends", output.token_ends, expected.ends),
    ):
        if exactly and wanted is not None:
            found.append((what, tuple(_row(given, output.token_lengths, row).tolist()), wanted))
    for what, given, wanted in found:
        if given != wanted:
            return f"{what}: expected {wanted!r}, got {given!r}"
    return None


def _row(
    values: NDArray[np.float32] | NDArray[np.int64] | None,
    lengths: NDArray[np.int64] | None,
    row: int,
) -> NDArray[np.float32] | NDArray[np.int64]:
    """Return one row of a batch, without its padding."""
    if values is None or lengths is None:
        raise TypeError("compare() needs every output of the graph")
    return values[row, : int(lengths[row])]
