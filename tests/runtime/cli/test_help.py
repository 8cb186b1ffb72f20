"""Help: whole in 80 columns, two examples first, options in panels, no type names of Python."""

import re
from typing import get_origin, get_type_hints

import pytest
import typer

from support.command import run
from voxport.cli import app

NAMES = (
    "export",
    "transcribe",
    "batch",
    "align",
    "classify",
    "embed",
    "serve",
    "plot",
    "evaluate",
    "verify",
    "sign",
    "inspect",
    "benchmark",
    "pull",
    "push",
    "doctor",
    "samples",
)


def test_the_command_fits_a_terminal():
    lines = run("--help").stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if re.match(r"  [a-z]+  +[A-Z]", line)]
    assert listed[0] == "export"
    assert set(listed) == set(NAMES)
    assert not [line for line in lines if line.endswith("...") and "ARGS" not in line]


@pytest.mark.parametrize("name", NAMES)
def test_a_subcommand_begins_with_two_examples(name):
    text = run(name, "--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "<" not in text.replace("<=", "")  # types of Python: <list[str]>
    usage, _, rest = text.partition("\n\n")
    assert usage.startswith("Usage: ")
    summary, examples, *_ = rest.split("\n\n")
    assert summary.startswith("  ")
    head, *lines = examples.splitlines()
    assert head == "  Examples:"
    assert len(lines) == 2
    assert all(line.startswith("    voxport ") for line in lines)


def test_options_stand_in_panels():
    text = run("transcribe", "--help").stdout
    heads = re.findall(r"^([A-Z][a-z ]+):$", text, re.MULTILINE)
    assert heads[:2] == ["Arguments", "Recordings"]
    assert heads[-1] == "Options"
    assert {"Output", "Streams", "Model", "Beam search", "Speed and memory"} <= set(heads)
    assert "TorchScript is a program" in " ".join(text.split())


def test_callbacks_are_annotated_with_plain_types():
    """Python 3.10 takes ``list[str]`` for a class, and typer's ``issubclass`` then fails."""
    group = typer.main.get_command(app)
    functions = [info.callback for info in app.registered_commands]
    assert len(functions) == len(group.commands)
    parts = [
        part
        for function in functions
        for hint in get_type_hints(function, include_extras=True).values()
        for part in getattr(hint, "__metadata__", ())
    ]
    callbacks = [call for part in parts for call in (part.callback, part.autocompletion) if call]
    assert len(callbacks) > 20
    for callback in callbacks:
        assert not any(get_origin(hint) for hint in get_type_hints(callback).values()), callback


def test_quiet_prints_errors_only(tmp_path):
    result = run("transcribe", "commands", tmp_path / "no.wav", tmp_path / "no2.wav", "-q")
    assert result.stderr.splitlines() == [
        f"voxport: error: {tmp_path}/{name}: there is no such file"
        for name in ("no.wav", "no2.wav")
    ]
