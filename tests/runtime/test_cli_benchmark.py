"""``voxport benchmark``: a table, a line of JSON, and what cannot be measured."""

import json

import pytest
from typer.testing import CliRunner

from support import data
from voxport import cuda
from voxport.benchmark import clips
from voxport.cli import app


@pytest.fixture(autouse=True)
def short_noise(monkeypatch):
    monkeypatch.setattr(clips, "MIXED", (0.5, 0.1, 1.0))


def run(*args):
    return CliRunner().invoke(app, ["benchmark", *map(str, args)])


def test_every_artifact_side_by_side(exported):
    result = run(exported, "--runs", 2, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    report = json.loads(result.stdout)
    assert (report["clips"], report["failures"]) == (3, [])
    assert report["audio_seconds"] == pytest.approx(1.6)
    onnx, script = report["results"]
    assert (onnx["variant"]["artifact"], onnx["runs_on"]) == ("model.onnx", "CPUExecutionProvider")
    assert script["variant"]["artifact"] == "model.ts"
    for shown in (onnx, script):
        assert shown["same_texts"] == 1
        assert shown["first_seconds"] > shown["load_seconds"] > 0
        for timing in (shown["alone"], shown["batched"]):
            assert timing["rtf"] >= timing["best_rtf"] > 0
            assert timing["latency_p95"] >= timing["latency_p50"] > 0
            assert timing["peak_bytes"] > 10**7
    assert script["alone"]["peak_bytes"] > onnx["alone"]["peak_bytes"]  # torch is in it


def test_the_table(exported):
    audio = (data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav")
    threads = ("--threads", 1, "--threads", 2)
    result = run(exported, *audio, "--artifact", "onnx", *threads, "--runs", 1, "-p", "cpu")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("2 clips, ")
    assert [line.split()[:3] for line in lines[3:]] == [["model.onnx", "cpu", n] for n in "12"]
    assert max(map(len, lines)) <= 80


def test_what_cannot_be_measured(exported):
    result = run(exported, "--precision", "int3")
    assert result.exit_code == 1
    assert "holds no int3 artifact" in result.stderr
    assert run(exported, "--provider", "gpu").exit_code == 2
    assert run(exported, "--artifact", "onnxx").exit_code == 2
    assert run(exported, "--threads", 257).exit_code == 2


@pytest.mark.skipif(cuda.problem() is None, reason="there is a GPU here")
def test_a_provider_that_is_not_there_stops_no_other(exported):
    options = ("--artifact", "onnx", "--runs", 1)
    both = run(exported, *options, "-p", "cuda", "-p", "cpu")
    assert both.exit_code == 0
    assert "model.onnx cuda: cuda was asked for" in both.stderr
    assert both.stdout.count("model.onnx") == 1
    assert run(exported, *options, "-p", "cuda").exit_code == 1
