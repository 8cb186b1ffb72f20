"""``voxport align``: the times of each word of a known text."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from voxport.cli.audio_argument import STANDARD_INPUT
from voxport.cli.options import (
    OUTPUT_PANEL,
    Artifact,
    Isolate,
    Package,
    Precision,
    Provider,
    Quiet,
    Threads,
    complete_from,
    not_empty,
    one_of,
)
from voxport.cli.package_argument import choose_model, split_package
from voxport.cli.terminal import Messages
from voxport.transcript.formats import FORMATS, format_alignment

if TYPE_CHECKING:
    from voxport.alignment.text_aligner import AlignedTranscript


def align(
    package: Package,
    audio: Annotated[
        str | None,
        typer.Argument(
            metavar="AUDIO",
            callback=not_empty,
            help="An audio file; - is standard input.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]",
            help="The words of the recording. * as a word stands for anything that the text leaves "
            "out.",
            show_default=False,
        ),
    ] = None,
    text_file: Annotated[
        str | None,
        typer.Option(
            "--text-file",
            "-t",
            metavar="FILE",
            callback=not_empty,
            help="Read the text from a file; - is standard input.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar=f"[{'|'.join(FORMATS)}]",
            callback=one_of(FORMATS),
            help="txt: a line a word, with its start and end in seconds and its score. json: one "
            "object, with the times of words and tokens. srt, vtt, tsv: subtitles.",
            show_default="txt, or the ending of -o FILE",
            rich_help_panel=OUTPUT_PANEL,
            autocompletion=complete_from(FORMATS),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            callback=not_empty,
            help="Write a file instead of printing; one that is there is replaced.",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
    isolate: Isolate = False,
    quiet: Quiet = False,
) -> None:
    """Find when each word of a known text was said.

    \b
    Examples:
      voxport align commands yes.wav "yes"
      voxport align build/base960h talk.flac -t talk.txt -o talk.srt

    Case, accents and punctuation are made the model's own. Characters its labels cannot spell,
    such as digits, are held by a star (any sound) and named on stderr; write them out for exact
    times.
    """
    package, given = split_package([package, audio, text], "align")
    audio, text = (*given, None, None)[:2]
    if audio is None:
        raise typer.BadParameter("no AUDIO is given: voxport align PACKAGE AUDIO TEXT")
    if (text is None) == (text_file is None):
        raise typer.BadParameter("give the text, as TEXT or with --text-file, and only once")
    if audio == STANDARD_INPUT and text_file == STANDARD_INPUT:
        raise typer.BadParameter("standard input (-) can be read once")
    form = _choose_format(form, output)
    from voxport.loading import load

    known = text if text is not None else _read_text(cast("str", text_file))
    model = choose_model(package, artifact, precision, quiet)
    choice = (model.artifact, model.precision)
    recognizer = load(model.package, provider, *choice, threads, isolate=isolate)
    source = cast("BinaryIO", sys.stdin.buffer) if audio == STANDARD_INPUT else audio
    transcript = recognizer.align(source, known)
    _warn_of_unspelled(audio, transcript, Messages(quiet))
    _write(format_alignment(transcript, form, audio), output)


def _choose_format(form: str | None, output: Path | None) -> str:
    """Return the requested format, or the one of the file's ending."""
    ending = output.suffix[1:].lower() if output else ""
    if form is not None and ending in FORMATS and ending != form:
        raise typer.BadParameter(f"{output} ends in .{ending}, and --format says {form}")
    return form or (ending if ending in FORMATS else "txt")


def _read_text(name: str) -> str:
    from voxport.errors import InputError, accessing

    is_stdin = name == STANDARD_INPUT
    with accessing("standard input" if is_stdin else name, InputError):
        content = sys.stdin.buffer.read() if is_stdin else Path(name).read_bytes()
        return content.decode("utf-8-sig")


def _warn_of_unspelled(audio: str, transcript: "AlignedTranscript", messages: Messages) -> None:
    if transcript.unspelled:
        words = ", ".join(item.word for item in transcript.unspelled)
        messages.warn(f"{audio}: no label spells these, a star holds their place: {words}")


def _write(document: str, output: Path | None) -> None:
    if output is None:
        typer.echo(document, nl=False)
        return
    from voxport.errors import OutputError, accessing
    from voxport.results.safe_file import replace_file

    with accessing(output, OutputError, "cannot be written"):
        replace_file(output, document.encode())
