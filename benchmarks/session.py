"""One benchmark: what is measured, in which order, and every result as a line of JSON.

Lines are appended as soon as a measurement is done, so that a run which is stopped goes on where
it was. A workload whose times are not there for every peer is measured for all of them again: only
times from the same turns are compared.
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
class Load:
    """Clips of one length that run together, or clips of several lengths, one after the other."""

    seconds: float | tuple[float, ...]
    batch: int
    runs: int

    @property
    def name(self) -> str:
        """As it stands in the results."""
        if isinstance(self.seconds, tuple):
            return "mixed"
        return f"{self.seconds:g} s" if self.batch == 1 else f"{self.batch} x {self.seconds:g} s"


LOADS = (
    Load(10, 1, 11),
    Load(3, 1, 11),
    Load(1, 1, 11),
    Load(1, 8, 7),
    Load(3, 8, 5),
    Load(10, 8, 3),
    Load(clips.MIXED, 1, 3),
    Load(20, 1, 3),
    Load(40, 1, 3),
    Load(60, 1, 3),
)
QUICK = (Load(1, 1, 2), Load(3, 1, 2), Load(1, 8, 2))
STARTS = 3  # cold starts of each peer
_COLD = Load(10, 1, 1)
_PEAK_RUNS = 15


class Results:
    """The lines of one results file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    def add(self, kind: str, **row: Any) -> None:
        """Append a line."""
        self.rows.append({"kind": kind, **row})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.rows[-1], ensure_ascii=False) + "\n")

    def latest(self, kind: str, workload: str | None = None) -> dict[str, dict[str, Any]]:
        """The last line of each peer."""
        wanted = (row for row in self.rows if row["kind"] == kind)
        return {row["peer"]: row for row in wanted if workload in (None, row.get("workload"))}

    def has(self, kind: str, peers: Sequence[Peer], workload: str | None = None) -> bool:
        """Whether every one of the peers has its line, or failed."""
        known = {*self.latest(kind, workload), *self.latest("failed")}
        return all(peer.name in known for peer in peers)


class Session:
    """Peers, measured into a results file."""

    def __init__(self, results: Results, workspace: Path, peers: Sequence[Peer], threads: int):
        self._results, self._workspace, self._threads = results, workspace, threads
        self._peers = list(peers)

    def measure(self, loads: Sequence[Load], starts: int) -> None:
        """Everything that is not there yet."""
        if not self._results.latest("peak"):
            self._measure_peak()
        self._peers = [peer for peer in self._peers if self._prepare(peer)]
        if not self._results.has("start", self._peers):
            self._measure_starts(starts)
        left = [load for load in loads if not self._results.has("time", self._peers, load.name)]
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
        """Whether the peer's files are there now."""
        if peer.prepare is None:
            return True
        _say(f"preparing {peer.name}")
        candidate = peer.candidate(self._workspace, self._threads, peer.prepare)
        with Process(candidate) as process:
            return self._try(process, process.load)

    def _measure_starts(self, count: int) -> None:
        """From the start of a process to its first transcript, one at a time, in turns."""
        for turn in range(-1, count):  # turn -1 fills the system's file cache
            for peer in list(self._peers):
                _say(f"start {turn + 1} of {count}: {peer.name}")
                with Process(peer.candidate(self._workspace, self._threads)) as process:
                    if not self._try(process, lambda process=process: self._first(process)):
                        self._peers.remove(peer)
                    elif turn >= 0:
                        times = {"first": process.age(), "load": process.load_seconds}
                        self._results.add("start", peer=peer.name, **times)

    def _first(self, process: Process) -> None:
        process.load()
        process.run(self._workload(_COLD).batches)

    def _measure_times(self, loads: Sequence[Load]) -> None:
        with ExitStack() as stack:
            processes = [
                stack.enter_context(Process(peer.candidate(self._workspace, self._threads)))
                for peer in self._peers
            ]
            processes = [one for one in processes if self._try(one, one.load)]
            for load in loads:
                _say(load.name)
                timings = take_turns(processes, self._workload(load), load.runs, self._fail)
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

    def _workload(self, load: Load) -> Workload:
        folder = self._workspace / "clips" / load.name.replace(" ", "")
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(load.seconds, tuple):
            mixed = clips.noise(folder, load.seconds, RATE)
            return clips.workload(load.name, [[clip] for clip in mixed])
        laid = clips.noise(folder, [load.seconds] * load.batch, RATE)
        return clips.workload(load.name, [laid])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
