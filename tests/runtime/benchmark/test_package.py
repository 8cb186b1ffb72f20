"""The processes of a benchmark, their turns, and what is made of their times."""

import os
import sys

import numpy as np
import pytest

from voxport.benchmark import clips, usage
from voxport.benchmark.process import Candidate, Process, WorkloadRun
from voxport.benchmark.timing import Workload, percentile, take_turns
from voxport.errors import InferenceError

TOY = """
import os, sys, time
print("what a library prints while it is imported")

def count(scale=1, hold=0):
    kept = bytearray(hold)
    def recognize(waveforms):
        print("and while it runs")
        return [str(scale * len(w)) for w in waveforms]
    return recognize

def allocate():
    sizes = iter([200, 200, 1, 1])
    def recognize(waveforms):
        return [str(len(bytearray(b"x" * (next(sizes) << 20))))]
    return recognize

def refuse():
    raise ValueError("no such\\nmodel")

def die():
    print("out of luck", file=sys.stderr)
    os._exit(3)
"""


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    return lambda function, **arguments: Process(
        Candidate(function, f"toy:{function}", arguments, environment={"PYTHONPATH": path})
    )


@pytest.fixture
def laid(tmp_path):
    return clips.write_noise(tmp_path, (0.5, 0.25, 1.0), 1000)


def test_a_process_answers(toy, laid):
    with toy("count", scale=2) as process:
        process.load()
        run = process.run([[laid[0].file, laid[1].file], [laid[2].file]])
    assert run.texts == ("1000", "500", "2000")
    assert len(run.seconds) == 2
    assert all(0 <= seconds < 1 for seconds in run.seconds)
    assert process.age() > process.load_seconds > 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("refuse", "refuse: ValueError: no such model"),
        ("die", "die: the process ended with code 3: out of luck"),
        ("nonsense", "nonsense: AttributeError: .*nonsense"),
    ],
)
def test_a_process_that_fails_says_why(toy, function, message):
    with toy(function) as process, pytest.raises(InferenceError, match=f"^{message}"):
        process.load()


def test_an_interpreter_that_is_not_there(tmp_path):
    with pytest.raises(InferenceError, match=r"^x: .*nowhere cannot be started"):
        Process(Candidate("x", "toy:count", {}, python=str(tmp_path / "nowhere")))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/clear_refs is Linux's")
def test_memory_is_counted_from_each_fresh_start(toy, laid):
    with toy("allocate") as process:
        process.load()
        runs = [process.run([[laid[0].file]], fresh=fresh) for fresh in (True, False, True, False)]
    assert min(run.peak for run in runs[:2]) > 200 << 20
    assert max(run.peak for run in runs[2:]) < 200 << 20


def test_memory_of_this_process():
    held = np.ones(1 << 23)
    assert usage.peak_memory() >= usage.resident_memory() > held.nbytes // 2


class FakeProcess:
    def __init__(self, name, seconds, log):
        self.candidate = Candidate(name, "", {})
        self._seconds, self._log = iter(seconds), log

    def run(self, batches, fresh=False):
        self._log.append(self.candidate.name)
        seconds = next(self._seconds)
        if seconds is None:
            raise InferenceError("out of memory", self.candidate.name)
        return WorkloadRun((seconds, 2 * seconds), ("A", "B"), 100)


def test_turns_alternate_and_a_failure_stops_no_other():
    log, failed = [], []
    processes = [
        FakeProcess("a", [9, 1, 3, 2], log),
        FakeProcess("b", [9, 9, None], log),
        FakeProcess("c", [9, 4, 4, 4], log),
    ]
    found = take_turns(
        processes, Workload("x", (), 6.0), 3, lambda p, e: failed.append((p.candidate.name, e))
    )
    assert "".join(log) == "cba" + "abc" + "cba" + "ac"
    assert [(name, str(error)) for name, error in failed] == [("b", "b: out of memory")]
    first = found[0]
    assert [timing.candidate for timing in found] == ["a", "c"]
    assert (first.runs, first.median, first.best) == (3, 6, 3)
    assert (first.rtf, first.best_rtf) == (1, 0.5)
    assert (first.latency_p50, first.latency_p95) == (2, 4)
    assert (first.peak_bytes, first.texts) == (100, ("A", "B"))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3], 50, 3), ([1, 2, 3, 4], 50, 2), (range(1, 101), 95, 95), (range(1, 21), 95, 19)],
)
def test_percentile(values, share, expected):
    assert percentile(list(values), share) == expected


def test_batches_are_of_like_length(tmp_path):
    laid = clips.write_noise(tmp_path, (0.5, 0.25, 0.45, 1.0, 0.55), 1000)
    workload = clips.batched_workload(laid, 2)
    assert [[file.name for file in batch] for batch in workload.batches] == [
        ["noise-1.npy"],
        ["noise-2.npy", "noise-0.npy"],
        ["noise-4.npy"],
        ["noise-3.npy"],
    ]
    assert workload.padded_seconds == pytest.approx(workload.audio_seconds + 0.05)
    assert workload.audio_seconds == clips.single_workload(laid).audio_seconds == 2.75
