"""Turns of several candidates over one workload, and the statistics of their times.

Candidates take turns over one workload, so a busy minute of the machine is shared by all of them;
the order is turned around every time, so none is always behind the same one.
The best time shows the machine's ability, the median its everyday.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxport.benchmark.process import Process, WorkloadRun
from voxport.errors import VoxportError

# Threads that wait for more work spin for a while before they sleep: not on the next one's time.
_SETTLE_S = 0.05


@dataclass(frozen=True)
class Workload:
    """Clips, and their batches."""

    name: str
    batches: tuple[tuple[Path, ...], ...]  # numpy files: float32 [samples]
    audio_seconds: float
    padded_seconds: float = 0.0  # of the batches, each clip as long as the longest beside it


@dataclass(frozen=True)
class Timing:
    """One candidate's times for a workload; seconds unless another unit is named."""

    candidate: str
    workload: str
    audio_seconds: float
    runs: int
    median: float  # of whole passes
    best: float
    latency_p50: float  # of batches, each with its own median over the passes
    latency_p95: float
    peak_bytes: int  # resident, the whole process
    texts: tuple[str, ...]

    @property
    def rtf(self) -> float:
        """Real-time factor: seconds spent per second of audio, in the median."""
        return self.median / self.audio_seconds

    @property
    def best_rtf(self) -> float:
        """The real-time factor of the best pass."""
        return self.best / self.audio_seconds


Failed = Callable[[Process, VoxportError], None]


def take_turns(
    processes: Sequence[Process], workload: Workload, runs: int, failed: Failed
) -> list[Timing]:
    """Time all candidates; a failing one is passed to ``failed`` and left out."""
    done: dict[str, list[WorkloadRun]] = {process.candidate.name: [] for process in processes}
    going = list(processes)
    for turn in range(-1, runs):  # turn -1 is the warm-up, not counted
        for process in going[:: -1 if turn % 2 else 1]:
            time.sleep(_SETTLE_S)
            try:
                run = process.run(workload.batches, fresh=turn < 0)
            except VoxportError as error:
                going.remove(process)
                failed(process, error)
                continue
            if turn >= 0:
                done[process.candidate.name].append(run)
    return [_summarize(process.candidate.name, workload, done) for process in going]


def _summarize(name: str, workload: Workload, done: dict[str, list[WorkloadRun]]) -> Timing:
    runs = done[name]
    totals = [sum(run.seconds) for run in runs]
    by_batch = [
        statistics.median(times) for times in zip(*(run.seconds for run in runs), strict=True)
    ]
    return Timing(
        candidate=name,
        workload=workload.name,
        audio_seconds=workload.audio_seconds,
        runs=len(runs),
        median=statistics.median(totals),
        best=min(totals),
        latency_p50=percentile(by_batch, 50),
        latency_p95=percentile(by_batch, 95),
        peak_bytes=max(run.peak for run in runs),
        texts=runs[-1].texts,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of ``values`` not exceeded by at least ``share`` percent of them."""
    ranked = sorted(values)
    rank = -(-len(ranked) * share // 100)  # rounded up
    return ranked[max(0, int(rank) - 1)]
