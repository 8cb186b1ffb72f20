"""The command and its subcommands, and what every one of them does with an error.

``--help`` must answer at once and where only the runtime is installed, so that no subcommand
imports numpy, onnxruntime or torch before it runs, and those that other distributions add (export)
are listed even where what they need is missing.
"""

import codecs
import os
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from voxport import __version__
from voxport.cli.align import align
from voxport.cli.benchmark import benchmark
from voxport.cli.doctor import doctor
from voxport.cli.inspect import inspect
from voxport.cli.plot import plot
from voxport.cli.transcribe import transcribe
from voxport.cli.verify import verify
from voxport.errors import MissingDependencyError, VoxportError

GROUP = "voxport.commands"

# What a command of ours needs beside the runtime, and the extras that install it. Looked for, not
# imported: `voxport --help` says what is missing before it is asked for.
_NEEDS = {"export": ("torch", "export,cpu")}

_INTERRUPTED = 130  # 128 + SIGINT
_PIPE_CLOSED = 141  # 128 + SIGPIPE


class Commands(TyperGroup):
    """Turns expected errors into one line on stderr and an exit code."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Parse and run; help and the version are printed here, so that they may fail here."""
        try:
            return super().main(*args, **options)
        except OSError as error:
            _report(error)
            sys.exit(1)

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
            _drop_output()
            raise typer.Exit(_PIPE_CLOSED) from None
        except OSError as error:
            _report(error)
            raise typer.Exit(1) from None


def _report(error: OSError) -> None:
    """What no one has said better: a full disk behind stdout, for one."""
    _drop_output()
    subject = error.filename or "standard output cannot be written"
    typer.echo(f"voxport: error: {subject}: {error.strerror or error}", err=True)


def _drop_output() -> None:
    """Let what is still to be printed go nowhere, else Python complains of it at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    for function in (transcribe, align, plot, verify, inspect, benchmark, doctor):
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
    needed, extras = _NEEDS.get(point.name, (None, point.name))
    try:
        function = point.load()
        if needed and find_spec(needed) is None:
            raise ModuleNotFoundError(name=needed)
        command.command(point.name)(function)
    except ImportError as error:
        _add_missing(command, point.name, f"{error.name}", extras)


def _add_missing(command: typer.Typer, name: str, module: str, extras: str) -> None:
    install = f'pip install "voxport[{extras}]"'
    message = f"voxport {name} needs {module}: {install}"
    extra = {"ignore_unknown_options": True, "allow_extra_args": True}

    @command.command(name, help=f"Needs {install}", context_settings=extra)
    def missing() -> None:  # pyright: ignore[reportUnusedFunction]
        raise MissingDependencyError(message)


app = build()


def main() -> None:
    """Run the command."""
    _open_streams()
    codecs.register_error("voxport", _as_bytes)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"  # LC_ALL=C, on some systems
            stream.reconfigure(encoding="utf-8" if is_ascii else None, errors="voxport")
    app()


def _open_streams() -> None:
    """Put streams that fail when they are used in the place of those that the caller closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            other_way = os.O_RDONLY if name == "stdout" else os.O_WRONLY
            setattr(sys, name, os.fdopen(os.open(os.devnull, other_way), mode))


def _as_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """What a stream cannot encode: bytes of a file's name that are no text, or not its alphabet."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
