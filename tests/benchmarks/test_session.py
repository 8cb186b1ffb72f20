"""A benchmark with toy peers: what is written, what is not measured twice, what the page says."""

import json
import os

import pytest

from benchmarks import report
from benchmarks.peers import TORCHAUDIO, Peer
from benchmarks.session import Load, Results, Session

TOY = """
import time

def open(workspace, threads, seconds=0.0):
    def recognize(waveforms):
        time.sleep(seconds)
        return ["A" for _ in waveforms]
    return recognize

def fail(workspace, threads):
    raise RuntimeError("not today")
"""
LOADS = (Load(10, 1, 2), Load(1, 8, 1))
SLOW = Peer(TORCHAUDIO, "the slow one", "toy:open", arguments={"seconds": 0.2})
QUICK = Peer("quick", "the quick one", "toy:open", arguments={"seconds": 0.001}, is_own=False)
BROKEN = Peer("broken", "the broken one", "toy:open", prepare="toy:fail")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Peers from a module of their own, and no peak, which needs a big product."""
    folder = tmp_path / "benchmarks" / "peers"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "toy.py").write_text(TOY)
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Session, "_measure_peak", lambda self: None)
    return tmp_path


def measure(folder, peers, loads=LOADS):
    results = Results(folder / "out")
    for peer in peers:
        results.add("peer", peer=peer.name, title=peer.title, own=peer.is_own)
    Session(results, folder, peers, threads=1).measure(loads, starts=1)
    return results


def rows(folder, kind):
    lines = (folder / "out" / "results.jsonl").read_text().splitlines()
    return [row for line in lines if (row := json.loads(line))["kind"] == kind]


def test_it_goes_on_where_it_was(toy):
    measure(toy, [SLOW, BROKEN])
    assert [row["peer"] for row in rows(toy, "time")] == [SLOW.name] * 2
    assert rows(toy, "failed")[0] | {"kind": ""} == {
        "kind": "",
        "peer": "broken",
        "reason": "RuntimeError: not today",
    }
    measure(toy, [SLOW, BROKEN])
    assert len(rows(toy, "time")) == 2
    measure(toy, [SLOW, QUICK])  # one more: all take turns again
    assert len(rows(toy, "time")) == 6
    assert {row["peer"] for row in rows(toy, "start")} == {SLOW.name, "quick"}


def test_the_page(toy):
    results = measure(toy, [SLOW, QUICK, BROKEN])
    results.add("peak", peer="numpy", operations_per_second=4e11)
    results.add("soak", peer="x", files=600, every=100, audio_seconds=7200.0, wall_seconds=1.0,
                resident=[1e8] * 6, growth=0.0)  # fmt: skip
    report.write(toy / "out")
    page = (toy / "out" / "README.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("| the quick one"))
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert float(cells[4]) > 5  # times as fast as the slow one
    assert "| numpy | 400 |" in page
    assert "broken: RuntimeError: not today" in page
    assert "| x | 600 | 2.0 | 100 | 100 | 100 | +0.0% |" in page
    assert str(toy) not in page
