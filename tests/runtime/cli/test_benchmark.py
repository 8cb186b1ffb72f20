"""``voxport benchmark``: a table, a line of JSON, and what cannot be measured."""

import json

import pytest
from typer.testing import CliRunner

from support import data
from voxport.benchmark import clips
from voxport.cli import app
from voxport.machine import cuda

BOTH_KINDS = ("--artifact", "onnx", "--artifact", "torchscript")


@pytest.fixture(autouse=True)
def short_noise(monkeypatch):
    monkeypatch.setattr(clips, "MIXED_SECONDS", (0.5, 0.1, 1.0))


def run(*args):
    return CliRunner().invoke(app, ["benchmark", *map(str, args)])


def test_every_artifact_side_by_side(exported):
    result = run(exported, *BOTH_KINDS, "--runs", 2, "--json")
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
    # On a busy machine, batches can be slower than single clips: that is explained behind it.
    table = result.stdout.split("\n\n")[1].splitlines()
    assert [line.split()[:3] for line in table[1:]] == [["model.onnx", "cpu", n] for n in "12"]
    assert max(map(len, lines)) <= 80


def test_what_cannot_be_measured(exported):
    result = run(exported, "--precision", "int3")
    assert result.exit_code == 1
    assert "holds no int3 artifact, only: fp32 onnx, fp32 torchscript; " in result.stderr
    assert run(exported, "--provider", "gpu").exit_code == 2
    assert run(exported, "--artifact", "onnxx").exit_code == 2
    assert run(exported, "--threads", 257).exit_code == 2


@pytest.mark.skipif(cuda.unavailable_reason() is None, reason="there is a GPU here")
def test_a_provider_that_is_not_there_stops_no_other(exported):
    options = ("--artifact", "onnx", "--runs", 1)
    both = run(exported, *options, "-p", "cuda", "-p", "cpu")
    assert both.exit_code == 1
    reason = "model.onnx (provider cuda) cannot be measured: cuda was asked for"
    assert f"voxport: error: {reason}" in both.stderr
    assert both.stdout.count("model.onnx") == 1
    assert run(exported, *options, "-p", "cuda").exit_code == 1


def test_what_is_named_and_not_there_stops_no_other(exported):
    options = ("--artifact", "onnx", "--precision", "fp32", "--precision", "int8", "--runs", 1)
    result = run(exported, *options)
    assert result.exit_code == 1
    assert result.stdout.count("model.onnx") == 1
    assert (
        f"voxport: error: {exported}: holds no int8 onnx artifact, only: fp32 onnx" in result.stderr
    )
    [failure] = json.loads(run(exported, *options, "--json").stdout)["failures"]
    assert failure["variant"] is None


def test_a_changed_artifact_stops_no_other(package):
    with (package / "model.ts").open("ab") as file:
        file.write(b"x")
    result = run(package, *BOTH_KINDS, "--runs", 1, "-p", "cpu")
    assert result.exit_code == 1
    assert result.stdout.count("model.onnx") == 1
    assert "voxport: error: model.ts (provider cpu) cannot be measured: " in result.stderr
    assert "model.ts: " in result.stderr


def test_torchscript_is_measured_only_where_it_is_named(exported):
    result = run(exported, "--runs", 1)
    assert result.exit_code == 0
    skipped = "voxport: model.ts (provider auto): skipped: a TorchScript file is a program"
    assert result.stderr.startswith(skipped)
    assert "--artifact torchscript" in result.stderr
    assert result.stdout.count("model.onnx") == 1
