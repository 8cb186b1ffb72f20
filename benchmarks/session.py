"""One benchmark: its workloads, their order, and every result as a line of JSON.

A line is appended after each measurement, so an interrupted run continues from there. A workload
with times missing for any peer is measured again for all of them: only times from the same turns
are compared.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine_peak
from benchmarks.peers import Peer
from benchmarks.speech import RATE
from voxport.benchmark import clips
from voxport.benchmark.process import Process
from voxport.benchmark.timing import Workload, take_turns
from voxport.errors import VoxportError

FILE = "results.jsonl"


@dataclass(frozen=True)
class WorkloadSpec:
    """Clips of one length in a batch, or clips of several lengths one after the other."""

    seconds: float | tuple[float, ...]  # of each clip
    batch: int  # clips
    runs: int  # passes of each peer

    @property
    def name(self) -> str:
        """The name in the results, such as ``8 x 1 s``."""
        if isinstance(self.seconds, tuple):
            return "mixed"
        return f"{self.seconds:g} s" if self.batch == 1 else f"{self.batch} x {self.seconds:g} s"


WORKLOADS = (
    WorkloadSpec(10, 1, 11),
    WorkloadSpec(3, 1, 11),
    WorkloadSpec(1, 1, 11),
    WorkloadSpec(1, 8, 7),
    WorkloadSpec(3, 8, 5),
    WorkloadSpec(10, 8, 3),
    WorkloadSpec(clips.MIXED_SECONDS, 1, 3),
    WorkloadSpec(20, 1, 3),
    WorkloadSpec(40, 1, 3),
    WorkloadSpec(60, 1, 3),
)
QUICK_WORKLOADS = (WorkloadSpec(1, 1, 2), WorkloadSpec(3, 1, 2), WorkloadSpec(1, 8, 2))
COLD_STARTS = 3  # of each peer
_COLD_START = WorkloadSpec(10, 1, 1)
_PEAK_RUNS = 15


class Results:
    """The rows of a results file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    def add(self, kind: str, **row: Any) -> None:
        """Append a row."""
        self.rows.append({"kind": kind, **row})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.rows[-1], ensure_ascii=False) + "\n")

    def latest(self, kind: str, workload: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the last row of each peer."""
        wanted = (row for row in self.rows if row["kind"] == kind)
        return {row["peer"]: row for row in wanted if workload in (None, row.get("workload"))}

    def has(self, kind: str, peers: Sequence[Peer], workload: str | None = None) -> bool:
        """Return True if every peer has a row of this kind or failed."""
        known = {*self.latest(kind, workload), *self.latest("failed")}
        return all(peer.name in known for peer in peers)


class Session:
    """The measurement of peers into a results file."""

    def __init__(self, results: Results, workspace: Path, peers: Sequence[Peer], threads: int):
        self._results, self._workspace, self._threads = results, workspace, threads
        self._peers = list(peers)

    def measure(self, specs: Sequence[WorkloadSpec], starts: int) -> None:
        """Measure everything that the results do not hold yet."""
        if not self._results.latest("peak"):
            self._measure_peak()
        self._peers = [peer for peer in self._peers if self._prepare(peer)]
        if not self._results.has("start", self._peers):
            self._measure_starts(starts)
        left = [spec for spec in specs if not self._results.has("time", self._peers, spec.name)]
        if left:
            self._measure_times(left)

    def _measure_peak(self) -> None:
        _say("peak")
        with ExitStack() as stack:
            engines = [
                stack.enter_context(Process(c)) for c in machine_peak.candidates(self._threads)
            ]
            for engine in engines:
                engine.load()
            product = Workload("product", ((),), 1.0)
            for timing in take_turns(engines, product, _PEAK_RUNS, self._fail):
                rate = machine_peak.OPERATIONS / timing.best
                self._results.add("peak", peer=timing.candidate, operations_per_second=rate)

    def _prepare(self, peer: Peer) -> bool:
        """Let a peer write its files; return False if that fails."""
        if peer.prepare is None:
            return True
        _say(f"preparing {peer.name}")
        candidate = peer.candidate(self._workspace, self._threads, peer.prepare)
        with Process(candidate) as process:
            return self._try(process, process.load)

    def _measure_starts(self, count: int) -> None:
        """Measure from the start of a process to its first transcript, one at a time, in turns."""
        for turn in range(-1, count):  # turn -1 fills the system's file cache
            for peer in list(self._peers):
                _say(f"start {turn + 1} of {count}: {peer.name}")
                with Process(peer.candidate(self._workspace, self._threads)) as process:
                    if not self._try(
                        process, lambda process=process: self._first_transcript(process)
                    ):
                        self._peers.remove(peer)
                    elif turn >= 0:
                        times = {"first": process.age(), "load": process.load_seconds}
                        self._results.add("start", peer=peer.name, **times)

    def _first_transcript(self, process: Process) -> None:
        process.load()
        process.run(self._workload(_COLD_START).batches)

    def _measure_times(self, specs: Sequence[WorkloadSpec]) -> None:
        with ExitStack() as stack:
            processes = [
                stack.enter_context(Process(peer.candidate(self._workspace, self._threads)))
                for peer in self._peers
            ]
            processes = [one for one in processes if self._try(one, one.load)]
            for spec in specs:
                _say(spec.name)
                timings = take_turns(processes, self._workload(spec), spec.runs, self._fail)
                for timing in timings:
                    row = asdict(timing) | {"rtf": timing.rtf, "best_rtf": timing.best_rtf}
                    del row["texts"], row["candidate"]
                    self._results.add("time", peer=timing.candidate, **row)
                going = {timing.candidate for timing in timings}
                processes = [one for one in processes if one.candidate.name in going]

    def _try(self, process: Process, do: Any) -> bool:
        try:
            do()
        except VoxportError as error:
            self._fail(process, error)
            return False
        return True

    def _fail(self, process: Process, error: VoxportError) -> None:
        _say(f"{process.candidate.name} failed: {error.reason}")
        self._results.add("failed", peer=process.candidate.name, reason=error.reason)

    def _workload(self, spec: WorkloadSpec) -> Workload:
        """Write the clips of noise and return the workload."""
        folder = self._workspace / "clips" / spec.name.replace(" ", "")
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(spec.seconds, tuple):
            mixed = clips.write_noise(folder, spec.seconds, RATE)
            return clips.create_workload(spec.name, [[clip] for clip in mixed])
        equal = clips.write_noise(folder, [spec.seconds] * spec.batch, RATE)
        return clips.create_workload(spec.name, [equal])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
