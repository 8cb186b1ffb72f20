"""The command and its subcommands, and what every one of them does with an error.

``--help`` must answer at once and where only the runtime is installed, so that no subcommand
imports numpy, onnxruntime or torch before it runs, and those that other distributions add (export)
are listed even where what they need is missing.
"""

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from io import TextIOWrapper
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from voxport import __version__
from voxport.cli.doctor import doctor
from voxport.cli.inspect import inspect
from voxport.cli.transcribe import transcribe
from voxport.cli.verify import verify
from voxport.errors import MissingDependencyError, VoxportError

GROUP = "voxport.commands"

_INTERRUPTED = 130  # 128 + SIGINT
_PIPE_CLOSED = 141  # 128 + SIGPIPE


class Commands(TyperGroup):
    """Turns expected errors into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except VoxportError as error:
            typer.echo(f"voxport: error: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:  # the reader, `head` for one, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_PIPE_CLOSED) from None


def build() -> typer.Typer:
    """The command with all that is installed."""
    command = typer.Typer(
        name="voxport",
        cls=Commands,
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # plain help: quick, and whole in 80 columns
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    )
    command.callback()(_options)
    for function in (transcribe, verify, inspect, doctor):
        command.command()(function)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        _add(command, point)
    return command


_HELP = """Speech recognition as one file: waveform in, transcript out, without torch.

\b
  voxport transcribe commands speech.flac     the model that ships
  voxport export WAV2VEC2_ASR_BASE_960H -o build/base960h
  voxport transcribe build/base960h *.flac --format srt -o subtitles
  voxport doctor                              what works here, what does not
"""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"voxport {__version__}")
        raise typer.Exit


_Version: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--version", "-v", help="Print the version and exit.", is_eager=True, callback=_version
    ),
]


def _options(version: _Version = False) -> None:
    """Options of the command itself; each does its work in its callback."""


def _add(command: typer.Typer, point: EntryPoint) -> None:
    """Another distribution's subcommand, or one that says what it needs."""
    try:
        command.command(point.name)(point.load())
    except ImportError as error:
        message = f'voxport {point.name} needs {error.name}: pip install "voxport[{point.name}]"'
        _add_missing(command, point.name, message)


def _add_missing(command: typer.Typer, name: str, message: str) -> None:
    extra = {"ignore_unknown_options": True, "allow_extra_args": True}

    @command.command(name, help=f"Not installed: {message}.", context_settings=extra)
    def missing() -> None:  # pyright: ignore[reportUnusedFunction]
        raise MissingDependencyError(message)


app = build()


def main() -> None:
    """The entry point of the ``voxport`` command."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold bytes that are no text
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")
    app()
