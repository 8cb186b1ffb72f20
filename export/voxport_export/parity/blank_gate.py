"""Sanity gate of the blank: the most frequent label of a trained CTC model's greedy path.

A wrong blank gives fluent nonsense, and nothing else notices it: the eager model behind the
comparison decodes with the same one. Knows the reference's answers; no files of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxport.package.manifest import BlankGate
from voxport.verification.comparison import Expected
from voxport_export.errors import BlankError
from voxport_export.sources.source import Source

# An aligner's star fits every sound: its score is above every other label's.
_STARS = ("<star>", "*")

# Share of the frames that a trained model's blank has at least: 0.92 in the shipped model. Weights
# without such a label are untrained, and say nothing of their blank.
_TRAINED_SHARE = 0.4


def judge_blank(source: Source, expected: Sequence[Expected], force: bool) -> BlankGate | None:
    """Count the labels of the greedy path over all recordings and accept or refuse the blank.

    Args:
        source: the model's labels and blank.
        expected: the eager model's answers.
        force: accept a blank that is not the most frequent label. So is that of a model without a
            label on 40 % of the frames, which is untrained; the caller says so.

    Returns:
        The measurement; None without a CTC head, or with a star among the labels.

    Raises:
        BlankError: another label is more frequent, as a trained model's blank is.
    """
    if not source.transcribes or set(_STARS).intersection(source.labels):
        return None
    counts = np.zeros(len(source.labels), np.int64)
    for one in expected:
        counts += np.bincount(one.emission.argmax(axis=1), minlength=len(counts))
    frames, blanks = int(counts.sum()), int(counts[source.blank])
    counts[source.blank] = -1
    rival = int(counts.argmax()) if len(counts) > 1 else source.blank
    rivals = max(0, int(counts[rival]))
    is_refused = rivals > blanks
    is_trained = rivals >= _TRAINED_SHARE * frames
    if is_refused and is_trained and not force:
        raise BlankError(_message(source, frames, blanks, rival, rivals))
    return BlankGate(
        frames=frames,
        share=blanks / max(1, frames),
        rival=rival,
        rival_share=rivals / max(1, frames),
        forced=is_refused,
    )


def blank_reason(gate: BlankGate) -> str:
    """Return the reason why a blank that is not the most frequent label was accepted."""
    return "forced" if gate.rival_share >= _TRAINED_SHARE else "untrained weights"


def _message(source: Source, frames: int, blanks: int, rival: int, rivals: int) -> str:
    return (
        f"{source.name}: the blank {_named(source, source.blank)} is the best label of "
        f"{blanks / frames:.0%} of the {frames} frames of the recordings, and "
        f"{_named(source, rival)} of {rivals / frames:.0%}: a trained CTC model gives its blank "
        "most often. Name another blank with --blank LABEL; --force exports untrained weights "
        "and records it in the manifest"
    )


def _named(source: Source, index: int) -> str:
    return f"{source.labels[index]!r} (index {index})"
