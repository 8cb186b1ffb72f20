"""A benchmark of toy peers: its results, its continuation, its page, and refused options."""

import json
import os

import pytest
from typer.testing import CliRunner

from benchmarks import report, workspace
from benchmarks.__main__ import app
from benchmarks.peers import TORCHAUDIO, Peer
from benchmarks.session import Results, Session, WorkloadSpec

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
SPECS = (WorkloadSpec(10, 1, 2), WorkloadSpec(1, 8, 1))
SLOW = Peer(TORCHAUDIO, "the slow one", "toy:open", arguments={"seconds": 0.02})
QUICK = Peer("quick", "the quick one", "toy:open", arguments={"seconds": 0.001}, is_own=False)
BROKEN = Peer("broken", "the broken one", "toy:open", prepare="toy:fail")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Put a module of peers on the path; skip the peak, which needs a large product."""
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


def measure(folder, peers, specs=SPECS):
    results = Results(folder / "out")
    for peer in peers:
        results.add("peer", peer=peer.name, title=peer.title, own=peer.is_own)
    Session(results, folder, peers, threads=1).measure(specs, starts=1)
    return results


def rows(folder, kind):
    lines = (folder / "out" / "results.jsonl").read_text().splitlines()
    return [row for line in lines if (row := json.loads(line))["kind"] == kind]


def test_a_session_continues_from_its_last_measurement(toy):
    measure(toy, [SLOW, BROKEN])
    assert [row["peer"] for row in rows(toy, "time")] == [SLOW.name] * 2
    assert rows(toy, "failed")[0] | {"kind": ""} == {
        "kind": "",
        "peer": "broken",
        "reason": "RuntimeError: not today",
    }
    measure(toy, [SLOW, BROKEN])
    assert len(rows(toy, "time")) == 2
    measure(toy, [SLOW, QUICK])  # a new peer: all take turns again
    assert len(rows(toy, "time")) == 6
    assert {row["peer"] for row in rows(toy, "start")} == {SLOW.name, "quick"}


def test_the_page_holds_every_table(toy):
    results = measure(toy, [SLOW, QUICK, BROKEN])
    results.add("peak", peer="numpy", operations_per_second=4e11)
    results.add("soak", peer="x", files=600, every=100, audio_seconds=7200.0, wall_seconds=1.0,
                resident=[1e8] * 6, growth=0.0)  # fmt: skip
    report.write(toy / "out")
    page = (toy / "out" / "README.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("| the quick one"))
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    medians = {row["peer"]: row["median"] for row in rows(toy, "time") if row["workload"] == "10 s"}
    assert cells[4] == f"{medians[SLOW.name] / medians['quick']:.2f}"  # times as fast
    assert "| numpy | 400 |" in page
    assert "broken: RuntimeError: not today" in page
    assert "| x | 600 | 2.0 | 100 | 100 | 100 | +0.0% |" in page
    assert str(toy) not in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workloads", "10 s"], "got 10 s"),  # not one of the quick ones
        (["--workloads", "1 s,2 hours"], "got 2 hours"),
        (["--peers", "openvino,openvyno"], "got openvyno"),
        (["--python", "openvyno=/usr/bin/python3"], "got openvyno"),
        (["--python", "/usr/bin/python3"], "expected PEER=PATH"),
    ],
)
def test_unknown_names_are_refused_before_anything_runs(options, message, tmp_path, monkeypatch):
    def fail(*_):
        raise AssertionError("work began")

    monkeypatch.setattr(workspace, "put_weights", fail)
    monkeypatch.setattr(workspace, "export_package", fail)
    result = CliRunner().invoke(app, ["run", str(tmp_path / "out"), "--quick", *options])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not (tmp_path / "out").exists()
