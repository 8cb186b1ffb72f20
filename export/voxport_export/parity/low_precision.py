"""Whether an artifact of fewer bits is worth writing: what it loses on speech, what it gains.

The loss is against float32, not against what was said: how often a character of the transcript is
another one. The gain is the time of one recording against that of the float32 artifact, both in
turns, so that whatever else the machine does slows both. Knows nothing of how bits are saved.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxport.backends.contract import DECODED, Backend
from voxport.package.gates import Gate
from voxport.transcript.edit_distance import error_rate
from voxport.verification.comparison import Check, Expected, compare
from voxport_export.errors import ExportError, GateError
from voxport_export.parity.exact import measurement

_TIMED_SECONDS = 10  # of audio
_LEAST_ROUNDS = 5
_MEASURED_SECONDS = 2.0  # at the least: a small model needs more rounds for a steady median


@dataclass(frozen=True)
class Limits:
    """What is asked of an artifact of fewer bits."""

    cer: float = 0.01  # the most, against float32's transcripts
    force: bool = False  # whether to write it all the same


def measure(
    artifact: str,
    backend: Backend,
    fp32: Backend | None,
    expected: Sequence[Expected],
    sample_rate: int,
    limits: Limits,
) -> Gate:
    """Compare an artifact of fewer bits with float32 and decide.

    Args:
        artifact: its file.
        backend: runs it.
        fp32: runs the float32 artifact on the same provider; None: speed cannot be measured here.
        expected: the answers of float32.
        sample_rate: of the recordings, Hz.
        limits: what is asked of it.

    Raises:
        GateError: it loses more than that, or is not faster.
    """
    if not any(one.transcript.strip() for one in expected):
        raise ExportError(
            f"{artifact}: nothing is heard in the recordings, so that nothing can be seen to get "
            "lost: give speech with --calibrate"
        )
    checks = [
        check for one in expected for check in compare(artifact, backend, [one], limit=np.inf)
    ]
    if broken := [check for check in checks if not check.ok]:  # another shape, or not a number
        raise GateError(f"{artifact}: {broken[0].recording}: {broken[0].problem}")
    pairs = [
        (one.transcript, check.transcript) for one, check in zip(expected, checks, strict=True)
    ]
    gate = Gate(
        **vars(measurement(artifact, backend, expected, sample_rate)),
        max_emission_difference=_largest(checks),
        equal_transcripts=sum(one == other for one, other in pairs) / len(pairs),
        cer=error_rate(pairs),
        cer_limit=limits.cer,
        speed=None if fp32 is None else speed(fp32, backend, _recording(expected, sample_rate)),
        forced=False,
    )
    problem = _problem(gate)
    if problem and not limits.force:
        raise GateError(f"{artifact}: {problem}; nothing was written (--force writes it)")
    return replace(gate, forced=problem is not None)


def speed(slow: Backend, fast: Backend, waveform: np.ndarray) -> float:
    """How many times as fast the second is: the median of runs in turns, after one to warm up."""
    lengths = np.array([waveform.shape[1]], np.int64)

    def timed(backend: Backend) -> float:
        start = time.perf_counter()
        backend.run(waveform, lengths, DECODED)
        return time.perf_counter() - start

    for backend in (slow, fast):
        timed(backend)
    rounds: list[tuple[float, float]] = []
    while len(rounds) < _LEAST_ROUNDS or sum(map(sum, rounds)) < _MEASURED_SECONDS:
        rounds.append((timed(slow), timed(fast)))
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    return medians[0] / medians[1]


def _problem(gate: Gate) -> str | None:
    if gate.cer > gate.cer_limit:
        return (
            f"{gate.cer:.2%} of the characters are not those of fp32, more than the limit of "
            f"{gate.cer_limit:.2%} (--max-cer-loss)"
        )
    if gate.speed is not None and gate.speed <= 1:
        return f"not faster than fp32 on {gate.provider}: {gate.speed:.2f} times as fast"
    return None


def _largest(checks: Sequence[Check]) -> float:
    return max(check.difference for check in checks)


def _recording(expected: Sequence[Expected], sample_rate: int) -> np.ndarray:
    """Ten seconds [1, samples] of the recordings, end to end and over again."""
    joined = np.concatenate([one.waveform for one in expected])
    return np.resize(joined, (1, _TIMED_SECONDS * sample_rate))
