"""The GPU benchmark on its stand-in, the CPU: every stage, its continuation and its page."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.gpu import stages
from benchmarks.gpu.jobs import Job, JobError, run_job
from benchmarks.gpu.target import GPU
from voxport.machine import cuda

pytest.importorskip("torchaudio")


def rows(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def dry_run(narrow_model, exported, tmp_path_factory):
    """Run the command on the narrow package; return a function that runs it again."""
    folder = tmp_path_factory.mktemp("gpu")
    space = folder / "space"
    shutil.copytree(exported, space / "packages" / narrow_model.name)
    options = ["--dry", "--model", str(narrow_model), "--space", str(space)]

    def run():
        return CliRunner().invoke(app, ["gpu", str(folder / "out"), *options])

    result = run()
    assert result.exit_code == 0, result.output
    return folder / "out", run, result


def test_every_stage_gives_its_rows(dry_run):
    folder, _, result = dry_run
    found = rows(folder)
    assert not [row for row in found if "failed" in row]
    assert "left" not in result.stderr
    tests = [row for row in found if row["kind"] == "tests" and "test" in row]
    assert {row["outcome"] for row in tests} == {"skipped"}  # there is no GPU
    parity = {(row["job"].split()[-1], row["case"]): row for row in found if "case" in row}
    cases = ("alone", "in NaN-padded batches")
    assert set(parity) == {(name, case) for name in ("model.ts", "model.onnx") for case in cases}
    for row in parity.values():
        assert row["equal_tokens"] == row["clips"] == 7
        assert row["difference"] <= 1e-4
    workloads = {"open", "1 s", "2 x 1 s", "mixed, sorted", "mixed, as they come", "new lengths"}
    engines = {row["job"]: set() for row in found if "workload" in row}
    assert len(engines) == 3
    for row in (row for row in found if "workload" in row):
        engines[row["job"]].add(row["workload"])
    assert all(measured == workloads for measured in engines.values())
    profile = next(row for row in found if row["kind"] == "profile" and "kinds" in row)
    assert sum(profile["kinds"].values()) >= 0.9 * profile["seconds_profiled"]


def test_the_same_command_repeats_nothing(dry_run):
    folder, run, _ = dry_run
    before = [row for row in rows(folder) if row["kind"] != "machine"]
    assert run().exit_code == 0
    assert [row for row in rows(folder) if row["kind"] != "machine"] == before


def test_the_page_holds_every_part(dry_run):
    folder, _, _ = dry_run
    page = (folder / "README.md").read_text()
    for part in ("## Tests", "## Parity", "## Peak", "## Speed of", "### At a new length"):
        assert part in page
    assert "## Profiles" in page
    assert "## Not measured" not in page
    line = next(line for line in page.splitlines() if "| in NaN-padded batches |" in line)
    assert line.endswith("| 7 of 7 |")


def test_without_a_gpu_the_command_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(cuda, "unavailable_reason", lambda: "there is no NVIDIA driver")
    result = CliRunner().invoke(app, ["gpu", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "there is no NVIDIA driver; --dry runs every stage on the CPU" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_stage_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["gpu", str(tmp_path / "out"), "--dry", "--stage", "speeed"])
    assert result.exit_code == 2
    assert "expected some of prepare, tests, parity, speed, profile; got speeed" in result.stderr


def test_a_job_stopped_by_the_clock_keeps_its_rows(tmp_path, monkeypatch):
    module = tmp_path / "benchmarks_gpu_toy.py"
    module.write_text(
        "import time\n"
        "def slow():\n    yield {'n': 1}\n    time.sleep(60)\n"
        "def wrong():\n    yield {'n': 2}\n    raise ValueError('not today')\n"
    )
    starter = tmp_path / "sitecustomize.py"
    starter.write_text(
        "import sys, benchmarks_gpu_toy\nsys.modules['benchmarks.gpu.toy'] = benchmarks_gpu_toy\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{_pythonpath()}"}
    kept = []
    with pytest.raises(TimeoutError):
        run_job(Job("slow", "toy:slow", {}, environment), kept.append, 8)
    with pytest.raises(JobError, match="ValueError: not today"):
        run_job(Job("wrong", "toy:wrong", {}, environment), kept.append, 60)
    assert kept == [{"n": 1}, {"n": 2}]


def _pythonpath():
    import os

    return os.environ.get("PYTHONPATH", "")


def test_the_aims_workloads_are_measured_on_a_gpu():
    """The Open ASR Leaderboard's batch of 64, single clips, and both engines in both precisions."""
    from benchmarks.gpu.engines import fitting_engines
    from benchmarks.gpu.speed import workload_names

    names = workload_names(GPU)
    assert {"1 s", "3 s", "10 s", "30 s", "8 x 10 s", "32 x 10 s", "64 x 10 s"} <= set(names)
    assert GPU.mixed_batch == 64
    engines = fitting_engines(GPU, GPU.models[0])
    assert {"voxport model.ts", "voxport model.onnx", "voxport model.fp16.onnx"} <= set(engines)
    assert set(GPU.profiled) <= set(engines)
    assert set(stages.STAGES) == {"prepare", "tests", "parity", "speed", "profile"}
