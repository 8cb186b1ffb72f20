"""Limits of an artifact that runs in a process of its own.

A graph of allowed operators may still run without end, take all memory, or crash its engine. Knows
numbers; no process.
"""

from dataclasses import dataclass

from voxport.errors import InputError
from voxport.machine import memory, process_limits

# Two runs of a base model's 120 s take 1.5 GB beside the weights, and engines keep the weights in
# two or three forms while they load.
_BASE_BYTES = 4_000_000_000
_BYTES_PER_WEIGHT_BYTE = 3
_MAX_FAILURES = 3  # in a row


@dataclass(frozen=True)
class Isolation:
    """Limits of one process; what goes beyond them is ended, and is an ``InferenceError``.

    The defaults allow a model of 2 billion parameters on a slow machine. ``processes`` answer as
    many threads at the same time; each holds the weights.
    """

    memory_bytes: int | None = None  # None: 4 GB and three times the artifact, or all that is free
    load_seconds: float = 120.0
    run_seconds: float = 30.0  # of every run, and with it
    run_seconds_per_second: float = 10.0  # of audio in the run, padding included
    processes: int = 1
    most_failures: int | None = _MAX_FAILURES  # in a row; then no more is tried. None: no limit

    def __post_init__(self) -> None:
        numbers = (self.load_seconds, self.run_seconds, self.run_seconds_per_second)
        counts = (self.memory_bytes, self.most_failures, self.processes)
        if not all(count is None or count > 0 for count in (*numbers, *counts)):
            raise InputError(f"limits must be more than 0, got {self}")

    def memory_limit(self, artifact_bytes: int) -> int:
        """Return the most bytes for an artifact of this size."""
        if self.memory_bytes is not None:
            return self.memory_bytes
        wanted = _BASE_BYTES + _BYTES_PER_WEIGHT_BYTE * artifact_bytes
        free = memory.available()
        return wanted if free is None else min(wanted, free)

    def run_limit(self, audio_seconds: float) -> float:
        """Return the most seconds for a run of this much audio."""
        return self.run_seconds + self.run_seconds_per_second * audio_seconds


def as_isolation(isolate: bool | Isolation) -> Isolation | None:
    """Return the limits of an argument ``isolate``: True means the defaults, False none."""
    if isinstance(isolate, Isolation):
        return isolate
    if not isinstance(isolate, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"isolate must be True, False or an Isolation, got {isolate!r}")
    return Isolation() if isolate else None


def missing_limits() -> str | None:
    """Return a sentence about the limits that this system does not have, or None."""
    if process_limits.is_linux():
        return None
    return (
        "on this system an isolated package is limited in time; its memory, and the files that it "
        "opens, are limited on Linux only"
    )
