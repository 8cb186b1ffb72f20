"""The command as a whole, and its small subcommands."""

import codecs
import json
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from support import data
from voxport import __version__
from voxport.cli import app
from voxport.cli.commands import build
from voxport.cli.streams import encode_unencodable
from voxport.machine import cuda


def run(*args, command=app):
    return CliRunner().invoke(command, list(map(str, args)))


@pytest.mark.parametrize("args", [["--help"], ["-h"], []])
def test_help_lists_every_command(args):
    result = run(*args)
    for name in ("transcribe", "align", "verify", "inspect", "benchmark", "doctor"):
        assert f"\n  {name} " in result.output
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize(
    "name", ["transcribe", "align", "verify", "inspect", "benchmark", "doctor"]
)
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

    monkeypatch.setattr("voxport.package.find.find_package", interrupt)
    result = run("inspect", exported)
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.parametrize("module", ["voxport.cli.commands", "typer", "voxport_export.cli"])
def test_interrupted_while_it_starts(module):
    code = f"""
import sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "{module}":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from voxport.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


# Commands of other distributions


def offer(monkeypatch, value):
    point = EntryPoint("export", value, "voxport.commands")
    monkeypatch.setattr("voxport.cli.commands.entry_points", lambda group: [point])
    return build()


def greet(name: str) -> None:
    """Greet someone."""
    typer.echo(f"hello {name}")


def test_a_command_of_another_distribution(monkeypatch):
    monkeypatch.setattr("voxport.transcript.formats.greet", greet, raising=False)
    command = offer(monkeypatch, "voxport.transcript.formats:greet")
    assert run("export", "you", command=command).stdout == "hello you\n"
    assert "export      Greet someone." in run("--help", command=command).stdout


def test_a_command_whose_needs_are_missing(monkeypatch):
    command = offer(monkeypatch, "no_such_module:export")
    assert 'text out. Needs pip install "voxport[export,cpu]".' in " ".join(
        run("--help", command=command).stdout.split()
    )
    result = run("export", "MODEL", "-o", "x", command=command)
    assert result.exit_code == 1
    assert result.stderr == (
        'voxport: error: voxport export needs no_such_module: pip install "voxport[export,cpu]"\n'
    )


def test_export_without_torch(without):
    without("torch")
    command = build()
    shown = run("--help", command=command).stdout
    assert "Commands:\n  export      Export a model" in shown
    assert 'Needs pip install "voxport[export,cpu]"' in " ".join(shown.split())
    result = run("export", "MODEL", "-o", "x", command=command)
    assert result.exit_code == 1
    assert result.stderr.startswith("voxport: error: voxport export needs torch: pip install")


# Streams: a process of its own, whose caller has filled or closed them.


def shell(line, *args):
    code = "import sys; from voxport.cli import main; main()"
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {line}', "sh", sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "args",
    [
        ["inspect"],
        ["inspect", "--json"],
        ["verify"],
        ["doctor"],
        ["transcribe", data.SAMPLES / "yes.flac"],
        ["transcribe", data.SAMPLES / "yes.flac", "-f", "json"],
        ["--help"],
        ["--version"],
        ["inspect", "--help"],
    ],
    ids=lambda args: "-".join(map(str, args[:1] + args[2:])),
)
@pytest.mark.parametrize(
    ("line", "reason"),
    [("> /dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_output_that_cannot_be_written(exported, args, line, reason):
    name, *rest = args
    needs_package = name in ("inspect", "verify", "transcribe") and "--help" not in rest
    done = shell(line, name, *([exported] if needs_package else []), *rest)
    assert done.returncode == 1
    assert done.stderr == f"voxport: error: standard output cannot be written: {reason}\n"


def test_standard_input_that_is_closed(exported):
    done = shell("<&-", "transcribe", exported, "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "voxport: error: -: cannot be read: Bad file descriptor\n"


def test_nobody_listens(exported):
    done = shell("2>&-", "transcribe", exported, "no.wav", data.SAMPLES / "yes.flac")
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1


def test_what_a_terminal_cannot_show():
    codecs.register_error("voxport", encode_unencodable)
    assert "é \udcff".encode("latin-1", "voxport") == b"\xe9 \xff"
    assert "日".encode("latin-1", "voxport") == b"\\u65e5"


# inspect


def test_inspect_and_verify_have_one_notation_for_texts():
    assert re.search(
        r"CER \d\.\d\d% \(limit of the export 1\.00%\)", run("inspect", "commands").stdout
    )
    pattern = r"CER \d\.\d\d% \(limit \d\.\d\d%: that of the export and one edit\)"
    assert re.search(pattern, run("verify", "commands").stdout)


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
    monkeypatch.setattr(cuda, "unavailable_reason", lambda: "there is no NVIDIA driver")
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
    without("onnxruntime", "openvino")
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.count("voxport[cpu]") == 1
    assert "  cpu, cuda, tensorrt do not work\n" in result.stdout
    assert "voxport[openvino]" in result.stdout
