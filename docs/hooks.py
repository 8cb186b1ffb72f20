"""MkDocs hook: the command line's page, written from ``voxport --help`` and its subcommands' help.

Nothing of it is kept in the repository, so that it cannot differ from the program.
"""

from __future__ import annotations

from typing import Any

import click
import typer
from mkdocs.structure.files import File, Files

from voxport.cli import app

_PAGE = "reference/cli.md"


def on_files(files: Files, config: Any) -> Files:
    """Add the generated page to those of the site."""
    files.append(File.generated(config, _PAGE, content=_command_line()))
    return files


def _command_line() -> str:
    group = typer.main.get_command(app)
    context = click.Context(group, info_name="voxport", terminal_width=80)
    parts = ["# Command line\n", _block(group.get_help(context))]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            inner = click.Context(command, info_name=name, parent=context, terminal_width=80)
            parts += [f"## voxport {name}\n", _block(command.get_help(inner))]
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"
