"""Judgement of a low-precision artifact: its loss on speech and its gain in speed.

The loss is against float32, not against the spoken words: the share of differing characters in the
transcript. The gain is the time of one recording against the float32 artifact's, both in turns, so
that other work on the machine slows both. Knows nothing of how bits are saved.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxport.backends.contract import DECODED, Backend
from voxport.package.manifest import QualityGate
from voxport.transcript.edit_distance import character_error_rate
from voxport.verification.comparison import Check, Expected, compare
from voxport_export.errors import ExportError, LowPrecisionError
from voxport_export.parity.exact import new_measurement

_TIMED_AUDIO_S = 10
_LEAST_ROUNDS = 5
_LEAST_TIMING_S = 2.0  # a small model needs more rounds for a steady median


@dataclass(frozen=True)
class LowPrecisionLimits:
    """Limits for a low-precision artifact."""

    cer: float = 0.01  # the most, against float32's transcripts
    force: bool = False  # write it even so


def measure_loss(
    artifact: str,
    backend: Backend,
    fp32: Backend | None,
    expected: Sequence[Expected],
    sample_rate: int,
    limits: LowPrecisionLimits,
    reference: str,
) -> QualityGate:
    """Compare a low-precision artifact with float32 and accept or refuse it.

    Args:
        artifact: its file.
        backend: runs it.
        fp32: runs the float32 artifact on the same provider; None: speed is not measured.
        expected: the answers of float32.
        sample_rate: of the recordings, Hz.
        limits: the largest loss, and whether to accept it anyway.
        reference: name and version of float32's eager model.

    Raises:
        LowPrecisionError: it loses more, or is not faster.
        ExportError: the recordings hold no speech to judge by.
    """
    if not any(one.transcript.strip() for one in expected):
        raise ExportError(
            f"{artifact}: the model hears no words in the recordings, so no loss can be measured: "
            "give speech with --calibrate"
        )
    checks = [
        check for one in expected for check in compare(artifact, backend, [one], limit=np.inf)
    ]
    if broken := [check for check in checks if not check.ok]:  # another shape, or not a number
        raise LowPrecisionError(f"{artifact}: {broken[0].recording}: {broken[0].problem}")
    pairs = [
        (one.transcript, check.transcript) for one, check in zip(expected, checks, strict=True)
    ]
    waveform = _timed_waveform(expected, sample_rate)
    gate = QualityGate(
        **vars(new_measurement(artifact, backend, expected, sample_rate, reference)),
        max_emission_difference=_largest_difference(checks),
        equal_transcripts=sum(one == other for one, other in pairs) / len(pairs),
        cer=character_error_rate(pairs),
        cer_limit=limits.cer,
        speed=None if fp32 is None else measure_speedup(fp32, backend, waveform),
        forced=False,
    )
    problem = _problem(gate)
    if problem and not limits.force:
        raise LowPrecisionError(f"{artifact}: {problem}; it was not written (--force writes it)")
    return replace(gate, forced=problem is not None)


def measure_speedup(slow: Backend, fast: Backend, waveform: np.ndarray) -> float:
    """Return the ratio of two backends' median times, run in turns after one to warm up."""
    lengths = np.array([waveform.shape[1]], np.int64)

    def time_once(backend: Backend) -> float:
        start = time.perf_counter()
        backend.run(waveform, lengths, DECODED)
        return time.perf_counter() - start

    for backend in (slow, fast):
        time_once(backend)
    rounds: list[tuple[float, float]] = []
    while len(rounds) < _LEAST_ROUNDS or sum(map(sum, rounds)) < _LEAST_TIMING_S:
        rounds.append((time_once(slow), time_once(fast)))
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    return medians[0] / medians[1]


def _problem(gate: QualityGate) -> str | None:
    if gate.cer > gate.cer_limit:
        return (
            f"{gate.cer:.2%} of the characters are not those of fp32, more than the limit of "
            f"{gate.cer_limit:.2%} (--max-cer-loss)"
        )
    if gate.speed is not None and gate.speed <= 1:
        return f"not faster than fp32 on {gate.provider}: {gate.speed:.2f} times as fast"
    return None


def _largest_difference(checks: Sequence[Check]) -> float:
    return max(check.difference for check in checks)


def _timed_waveform(expected: Sequence[Expected], sample_rate: int) -> np.ndarray:
    """Return ten seconds [1, samples] of the recordings, end to end and repeated."""
    joined = np.concatenate([one.waveform for one in expected])
    return np.resize(joined, (1, _TIMED_AUDIO_S * sample_rate))
