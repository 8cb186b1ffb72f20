"""A run over many recordings that prints a document each: for labels, frames and embeddings."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TypeAlias, cast

import typer

from voxport.cli.audio_argument import STANDARD_INPUT
from voxport.cli.options import finite
from voxport.cli.progress import Progress, Summary
from voxport.cli.terminal import Messages

if TYPE_CHECKING:
    from voxport.inference.recording_queue import Result

LONGEST_SECONDS = 120.0  # as in tasks.whole_recordings, which is not imported for --help

LongestSeconds: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0.001,
        callback=finite,
        metavar="SECONDS",
        help="Refuse longer recordings: the answer is one of the whole, and time and memory grow "
        "with the square of its length.",
        rich_help_panel="Speed and memory",
    ),
]


def print_each(
    names: list[str],
    answer_each: Callable[[Iterator[Any]], "Iterable[Result[Any]]"],
    write: Callable[[str, Any], str],
    form: str,
    messages: Messages,
) -> bool:
    """Print the document of each recording on standard output; return whether none failed.

    A failure is reported on stderr, with ``form`` "json" as a line of its own.

    Args:
        names: the recordings; - is standard input.
        answer_each: answers an iterator of them.
        write: makes the document of a name and its answer.
        form: of the documents.
        messages: prints failures.
    """
    summary = Summary(len(names), messages, lists_failures=form == "json")
    with summary, Progress(len(names), messages) as progress:
        results = answer_each(map(_open, names))
        for name, result in zip(names, results, strict=True):
            progress.clear()
            if result.answer is None:
                summary.add_failure()
                _report(name, result.error.reason if result.error else "no answer", form, messages)
            else:
                summary.add(getattr(result.answer, "duration", 0.0))
                typer.echo(write(name, result.answer), nl=False)
                sys.stdout.flush()
            progress.step()
    return not summary.failed


def _report(name: str, reason: str, form: str, messages: Messages) -> None:
    if form != "json":
        messages.error(f"{name}: {reason}")
        return
    from voxport.transcript.formats import to_json_error

    typer.echo(to_json_error(name, reason), nl=False)


def _open(name: str) -> "str | BinaryIO":
    return cast("BinaryIO", sys.stdin.buffer) if name == STANDARD_INPUT else name
