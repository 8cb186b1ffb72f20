"""Comparison of an exported artifact, reloaded from disk, with the eager model.

Each recording is run alone, and all of them as one batch padded with NaN: a graph that reads its
padding, or a neighbour's samples, cannot pass. Knows nothing of formats: it is handed a runtime's
backend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxport.backends.contract import Backend
from voxport.package.manifest import (
    FeatureParity,
    HeadParity,
    Measurement,
    ModelInfo,
    Parity,
)
from voxport.transcript.edit_distance import character_error_rate
from voxport.verification.answers import compare_answers
from voxport.verification.comparison import (
    Answer,
    Check,
    Expected,
    ExpectedAnswer,
    ExpectedFeatures,
    compare,
    compare_features,
)
from voxport_export.errors import ParityError


def compare_artifact(
    artifact: str,
    backend: Backend,
    expected: Sequence[Expected],
    sample_rate: int,
    reference: str,
) -> Parity:
    """Compare an artifact's answers, alone and in one batch, with the expected ones.

    Args:
        artifact: its file.
        backend: runs it.
        expected: the reference's answers.
        sample_rate: of the recordings, Hz.
        reference: name and version of their model: "eager torchaudio 2.11.0".

    Raises:
        ParityError: an emission, a token or a transcript differs; the message says where.
    """
    checks = [check for one in expected for check in compare(artifact, backend, [one])]
    checks += compare(artifact, backend, expected, padding=np.nan)
    worst = _worst_check(checks, reference)
    pairs = [
        (one.transcript, check.transcript)
        for one, check in zip([*expected, *expected], checks, strict=True)
    ]
    return Parity(
        **vars(new_measurement(artifact, backend, expected, sample_rate, reference)),
        max_emission_difference=worst.difference,
        emission_tolerance=worst.tolerance,
        equal_transcripts=sum(one == other for one, other in pairs) / len(pairs),
        cer=character_error_rate(pairs),
    )


def compare_artifact_features(
    artifact: str,
    backend: Backend,
    expected: Sequence[ExpectedFeatures],
    sample_rate: int,
    reference: str,
) -> FeatureParity:
    """Compare the output of every transformer layer, alone and in one batch.

    The arguments are ``compare_artifact``'s.

    Raises:
        ParityError: a layer differs; the message says where.
    """
    layers = len(expected[0].layers)
    checks = [
        check for one in expected for check in compare_features(artifact, backend, [one], layers)
    ]
    checks += compare_features(artifact, backend, expected, layers, padding=np.nan)
    worst = _worst_check(checks, reference)
    return FeatureParity(
        **vars(new_measurement(artifact, backend, expected, sample_rate, reference)),
        max_difference=worst.difference,
        tolerance=worst.tolerance,
    )


def compare_artifact_answers(
    artifact: str,
    backend: Backend,
    model: ModelInfo,
    activation: str,
    expected: Sequence[ExpectedAnswer],
    reference: str,
) -> HeadParity:
    """Compare the answers of a task other than transcription, alone and in one batch.

    Args:
        artifact: its file.
        backend: runs it.
        model: gives the task and the labels.
        activation: from logits to scores.
        expected: the reference's answers.
        reference: name and version of their model.

    Raises:
        ParityError: logits, a label or an embedding differ; the message says where.
    """
    facts = (artifact, backend, model, activation)
    checks = [check for one in expected for check in compare_answers(*facts, [one])]
    checks += compare_answers(*facts, expected, padding=np.nan)
    worst = _worst_check(checks, reference)
    return HeadParity(
        **vars(new_measurement(artifact, backend, expected, model.sample_rate, reference)),
        max_difference=worst.difference,
        tolerance=worst.tolerance,
        equal_labels=sum(check.ok for check in checks) / len(checks),
    )


def _worst_check(checks: Sequence[Check], reference: str) -> Check:
    """Return the check nearest to its tolerance; raise for the first beyond it."""
    for check in checks:
        if not check.ok:
            raise ParityError(
                f"{check.artifact} does not answer as {reference} on {check.recording}: "
                f"{check.problem}"
            )
    return max(checks, key=lambda check: check.difference / check.tolerance)


def new_measurement(
    artifact: str,
    backend: Backend,
    expected: Sequence[Answer],
    sample_rate: int,
    reference: str,
) -> Measurement:
    """Build the first fields of every comparison in a manifest."""
    return Measurement(
        artifact=artifact,
        reference=reference,
        against=backend.runtime,
        provider=backend.provider,
        clips=len(expected),
        seconds=round(sum(len(one.waveform) for one in expected) / sample_rate, 3),
    )
