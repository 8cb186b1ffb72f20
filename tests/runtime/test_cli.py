"""The command as a whole, and its small subcommands."""

import json
from importlib.metadata import EntryPoint

import pytest
import typer
from typer.testing import CliRunner

from voxport import __version__, cuda
from voxport.cli import app
from voxport.cli.commands import build


def run(*args, command=app):
    return CliRunner().invoke(command, list(map(str, args)))


@pytest.mark.parametrize("args", [["--help"], ["-h"], []])
def test_help_lists_every_command(args):
    result = run(*args)
    for name in ("transcribe", "verify", "inspect", "doctor"):
        assert f"\n  {name} " in result.output
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize("name", ["transcribe", "verify", "inspect", "doctor"])
def test_help_of_each_shows_examples(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    if name != "doctor":
        assert f"    voxport {name} commands" in result.stdout


@pytest.mark.parametrize("option", ["--version", "-v"])
def test_version(option):
    assert run(option).stdout == f"voxport {__version__}\n"


def test_wrong_usage():
    result = run("transcrib")
    assert result.exit_code == 2
    assert "transcrib" in result.stderr


def test_interrupted(monkeypatch, exported):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("voxport.library.find", interrupt)
    result = run("inspect", exported)
    assert (result.exit_code, result.output) == (130, "")


# Commands of other distributions


def offer(monkeypatch, value):
    point = EntryPoint("export", value, "voxport.commands")
    monkeypatch.setattr("voxport.cli.commands.entry_points", lambda group: [point])
    return build()


def greet(name: str) -> None:
    """Greet someone."""
    typer.echo(f"hello {name}")


def test_a_command_of_another_distribution(monkeypatch):
    monkeypatch.setattr("voxport.formats.greet", greet, raising=False)
    command = offer(monkeypatch, "voxport.formats:greet")
    assert run("export", "you", command=command).stdout == "hello you\n"
    assert "export      Greet someone." in run("--help", command=command).stdout


def test_a_command_whose_needs_are_missing(monkeypatch):
    command = offer(monkeypatch, "no_such_module:export")
    assert "export" in run("--help", command=command).stdout
    result = run("export", "MODEL", "-o", "x", command=command)
    assert result.exit_code == 1
    assert result.stderr == (
        'voxport: error: voxport export needs no_such_module: pip install "voxport[export]"\n'
    )


# inspect


def test_inspect(exported):
    result = run("inspect", exported)
    assert result.exit_code == 0
    for part in ("narrow", "CC0-1.0", "16000 Hz", "model.onnx  onnx fp32", "transcripts equal"):
        assert part in result.stdout


def test_inspect_json(exported):
    result = run("inspect", exported, "--json")
    assert result.stdout == (exported / "manifest.json").read_text(encoding="utf-8")


def test_inspect_nothing(tmp_path):
    result = run("inspect", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"voxport: error: {tmp_path}: not a voxport package")


# doctor


def test_doctor(monkeypatch):
    monkeypatch.setattr(cuda, "problem", lambda: "there is no NVIDIA driver")
    result = run("doctor")
    assert result.exit_code == 0
    assert "  cpu              works\n" in result.stdout
    assert "no NVIDIA driver" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_doctor_json():
    report = json.loads(run("doctor", "--json").stdout)
    assert set(report) == {"versions", "gpu", "providers", "models"}
    assert {"name": "cpu", "works": True, "reason": ""} in report["providers"]


def test_doctor_where_nothing_works(without):
    without("onnxruntime")
    result = run("doctor")
    assert result.exit_code == 1
    assert "voxport[cpu]" in result.stdout
