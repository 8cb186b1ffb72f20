"""The command and its subcommands, and the messages of their errors.

``--help`` must answer at once, and with only the runtime installed. So no subcommand imports
numpy, onnxruntime or torch before it runs, and subcommands of other distributions (export) are
listed even without their dependencies.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Annotated, Any, TypeAlias, cast

import typer

from voxport import __version__
from voxport.cli.align import align
from voxport.cli.batch import batch
from voxport.cli.benchmark import benchmark
from voxport.cli.classify import classify
from voxport.cli.doctor import doctor
from voxport.cli.embed import embed
from voxport.cli.evaluate import evaluate
from voxport.cli.help import PlainCommand, PlainGroup
from voxport.cli.inspect import inspect
from voxport.cli.plot import plot
from voxport.cli.pull import pull
from voxport.cli.push import push
from voxport.cli.samples import samples
from voxport.cli.serve import serve
from voxport.cli.sign import sign
from voxport.cli.streams import drop_output, prepare_streams
from voxport.cli.terminal import Messages
from voxport.cli.transcribe import transcribe
from voxport.cli.verify import verify
from voxport.errors import MissingDependencyError, VoxportError

GROUP = "voxport.commands"
_NAME = "voxport"

_INTERRUPTED = 130  # 128 + SIGINT
_PIPE_CLOSED = 141  # 128 + SIGPIPE

# typer brings click under another name from one version to the next.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_ClickException: type[Exception] = _UsageError.__bases__[0]


@dataclass(frozen=True)
class _Needs:
    """The needs of a command of ours beside the runtime; looked for, not imported."""

    module: str
    extras: str  # that install it
    summary: str


_NEEDS = {
    "export": _Needs(
        "torch", "export,cpu", "Export a model with its decoder to one file: waveform in, text out."
    )
}

# Options of other recognizers, and ours.
_OTHER_OPTIONS = {
    "--device": "--provider",
    "--backend": "--provider",
    "--output_format": "--format",
    "--output-format": "--format",
    "--output_dir": "--output-dir",
    "--batch-size": "--batch-seconds",
    "--batch_size": "--batch-seconds",
    "--beam_size": "--beam",
    "--beam-size": "--beam",
    "--compute_type": "--precision",
    "--compute-type": "--precision",
    "--dtype": "--precision",
    "--hotwords": "--hotword",
    "--verbose": "nothing of that kind; --quiet",
    "--model": "the first argument PACKAGE",
}


class Commands(PlainGroup):
    """The command as a whole: expected errors become one line on stderr and an exit code."""

    def main(self, *args: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Parse and run; help and the version are printed here, so they may fail here."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **options)
        try:
            code: Any = super().main(*args, standalone_mode=False, **options)
        except _ClickException as error:
            code = _report_usage(error)
        except typer.Abort:
            code = _INTERRUPTED
        except OSError as error:
            _report_os_error(error)
            code = 1
        return sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except VoxportError as error:
            Messages().error(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:  # the reader, `head` for one, has seen enough
            drop_output()
            raise typer.Exit(_PIPE_CLOSED) from None
        except OSError as error:
            _report_os_error(error)
            raise typer.Exit(1) from None


def _report_usage(error: Any) -> int:
    """Print a usage error in our voice; return the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    message = str(error.format_message()).strip().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else _NAME
    option = str(getattr(error, "option_name", ""))
    if ours := _OTHER_OPTIONS.get(option):
        message = f"No such option {option}: voxport has {ours}"
    message = message.removeprefix("Invalid value: ")
    message = re.sub(r"^([A-Z])(?=[a-z ])", lambda match: match[1].lower(), message)
    Messages().error(f"{message} (see {path} --help)")
    return int(error.exit_code)


def _report_os_error(error: OSError) -> None:
    """Print an error of the system without a message of ours: a full disk behind stdout."""
    drop_output()
    subject = error.filename or "standard output cannot be written"
    Messages().error(f"{subject}: {error.strerror or error}")


def build() -> typer.Typer:
    """Build the command with all installed subcommands."""
    command = typer.Typer(
        name=_NAME,
        cls=Commands,
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: quick, and whole in 80 columns
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    )
    command.callback()(_options)
    points = {point.name: point for point in entry_points(group=GROUP)}
    if export := points.pop("export", None):
        _add_point(command, export)
    reading = (transcribe, batch, align, classify, embed, serve, plot)
    packages = (evaluate, verify, sign, inspect, benchmark, pull, push)
    for function in (*reading, *packages, doctor, samples):
        _add(command, function.__name__, function)
    for name in sorted(points):
        _add_point(command, points[name])
    return command


_HELP = """Speech recognition as one file: waveform in, transcript out, without torch.

\b
  voxport transcribe commands $(voxport samples)     try the model that ships:
      it understands yes, no, stop, digits and some fifty words, nothing else
  voxport export WAV2VEC2_ASR_BASE_960H -o build/base960h
  voxport transcribe build/base960h talk.mp3 -o talk.srt
  voxport doctor                              say what works on this machine
"""


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"{_NAME} {__version__}")
        raise typer.Exit


_Version: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--version",
        "-v",
        help="Print the version and exit.",
        is_eager=True,
        callback=_print_version,
    ),
]


def _options(version: _Version = False) -> None:
    """Options of the command itself; each does its work in its callback."""


def _add(command: typer.Typer, name: str, function: Callable[..., Any], **settings: Any) -> None:
    command.command(name, cls=PlainCommand, **settings)(function)


def _add_point(command: typer.Typer, point: EntryPoint) -> None:
    """Add another distribution's subcommand, or one in its place to name the missing module."""
    needs = _NEEDS.get(point.name)
    try:
        function = cast("Callable[..., Any]", point.load())
        if needs and find_spec(needs.module) is None:
            raise ModuleNotFoundError(name=needs.module)
        _add(command, point.name, function)
    except ImportError as error:
        _add_missing(command, point.name, f"{error.name}", needs)


def _add_missing(command: typer.Typer, name: str, module: str, needs: _Needs | None) -> None:
    install = f'pip install "voxport[{needs.extras if needs else name}]"'
    message = f"voxport {name} needs {module}: {install}"
    extra = {"ignore_unknown_options": True, "allow_extra_args": True}
    summary = f"{needs.summary} Needs {install}." if needs else f"Needs {install}."

    def missing() -> None:
        raise MissingDependencyError(message)

    _add(command, name, missing, help=summary, context_settings=extra)


app = build()


def main() -> None:
    """Run the command."""
    prepare_streams()
    app(prog_name=_NAME)
