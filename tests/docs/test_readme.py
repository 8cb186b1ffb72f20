"""What the README shows is true: its Python runs, its commands exist, its links lead somewhere.

Its two long commands are run by ``.ci/run``.
"""

import re
import shlex

import click
import pytest
import typer

from support.data import ROOT
from voxport.cli import app

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SHOWN = re.findall(
    r"^\s*(?:\$ |\.venv/bin/)(voxport [^#\n]*?)(?: &&|\s*$|\s+#)", TEXT, re.MULTILINE
)


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs(code, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {})
    for comment in re.findall(r"print\([^\n]*\)  # ([A-Z ]+)$", code, re.MULTILINE):
        assert comment in capsys.readouterr().out


@pytest.mark.parametrize("line", SHOWN)
def test_commands_parse(line):
    words = shlex.split(line.partition(" > ")[0])[1:]
    group = typer.main.get_command(app)
    context = click.Context(group)
    command = group.get_command(context, words[0])
    assert command is not None, f"no such command: {words[0]}"
    command.make_context(words[0], words[1:], resilient_parsing=False)


def test_commands_are_found():
    assert len(SHOWN) > 10


@pytest.mark.parametrize("path", re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()
