"""Pages of the documentation and the README: Python runs, commands parse, links resolve.

``.ci/run`` runs the README's two long commands.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from support.data import ROOT
from voxport.cli import app

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
README_LINES = 130


def blocks(language):
    """Every fenced block of a language, as a test parameter named by its page."""
    for page in PAGES:
        found = re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for number, code in enumerate(found):
            yield pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")


def commands():
    """Every line of a page that runs voxport, prompts and comments removed."""
    shown = r"^\s*(?:\$ (?:[^|\n]*\| )?|\.venv/bin/)(voxport [^#\n]*?)(?: &&|\s*$|\s+#)"
    for page in PAGES:
        for line in re.findall(shown, page.read_text("utf-8"), re.MULTILINE):
            yield pytest.param(line, id=f"{page.name}: {line}")


def links():
    """Every relative link of a page, with the page."""
    for page in PAGES:
        for path in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            yield pytest.param(page.parent / path, id=f"{page.name}: {path}")


@pytest.mark.parametrize("code", [*blocks("python")])
def test_python_runs_and_prints_what_is_shown(code, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(code, "page", "exec"), {})
    printed = capsys.readouterr().out
    for comment in re.findall(r"print\([^\n]*\)  # ([A-Z][A-Za-z ]*)$", code, re.MULTILINE):
        assert comment in printed


@pytest.mark.parametrize("line", [*commands()])
def test_commands_parse(line):
    words = shlex.split(line.partition(" > ")[0])[1:]
    group = typer.main.get_command(app)
    context = click.Context(group)
    command = group.get_command(context, words[0])
    assert command is not None, f"no such command: {words[0]}"
    command.make_context(words[0], words[1:], resilient_parsing=False)


def test_pages_show_commands_and_python():
    assert len(list(commands())) > 30
    assert len(list(blocks("python"))) > 6


@pytest.mark.parametrize("path", [*links()])
def test_links_resolve(path):
    # The command line's page is generated when the site is built.
    assert path.exists() or path.resolve() == ROOT / "docs/reference/cli.md"


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= README_LINES


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason='the documentation needs pip install "voxport[docs]"')
    pytest.importorskip("mkdocstrings")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    page = (tmp_path / "site" / "reference" / "cli.html").read_text("utf-8")
    for name in ("transcribe", "align", "verify", "export"):
        assert f'id="voxport-{name}"' in page
    assert Path(tmp_path / "site" / "index.html").is_file()
