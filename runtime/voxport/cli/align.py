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
    Language,
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
    from voxport.alignment.romanized_aligner import Granularity, Romanization
    from voxport.alignment.text_aligner import AlignedTranscript

_ROMANIZE_PANEL = "Other scripts"
_GRANULARITIES = ("word", "sentence")  # as in romanized_aligner and segments, which need numpy
_STARS = ("segment", "edges", "none")


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
    granularity: Annotated[
        str,
        typer.Option(
            metavar=f"[{'|'.join(_GRANULARITIES)}]",
            callback=one_of(_GRANULARITIES),
            help="The times of words, or of whole sentences.",
            autocompletion=complete_from(_GRANULARITIES),
        ),
    ] = "word",
    romanize: Annotated[
        bool,
        typer.Option(
            "--romanize",
            help="Align by Latin letters, for a text in any script with an MMS aligner. --language "
            'is then also the text\'s, for its rules (pip install "voxport[romanize]").',
            rich_help_panel=_ROMANIZE_PANEL,
        ),
    ] = False,
    stars: Annotated[
        str | None,
        typer.Option(
            "--stars",
            metavar=f"[{'|'.join(_STARS)}]",
            callback=one_of(_STARS),
            help="With --romanize: a star, which fits any sound, before each segment, at both ends "
            "of the text, or nowhere.",
            show_default="segment",
            rich_help_panel=_ROMANIZE_PANEL,
            autocompletion=complete_from(_STARS),
        ),
    ] = None,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
    isolate: Isolate = False,
    language: Language = None,
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
    romanization = _choose_romanization(romanize, stars, language)
    recognizer = load(
        model.package,
        provider,
        model.artifact,
        model.precision,
        threads,
        # With --romanize it is the text's, of a package with one language
        language=None if romanize and not _has_languages(model.package) else language,
        isolate=isolate,
    )
    source = cast("BinaryIO", sys.stdin.buffer) if audio == STANDARD_INPUT else audio
    transcript = recognizer.align(
        source,
        known,
        granularity=cast("Granularity", granularity),
        romanization=romanization,
    )
    _warn_of_unspelled(audio, transcript, Messages(quiet))
    _write(format_alignment(transcript, form, audio), output)


def _choose_romanization(
    romanize: bool, stars: str | None, language: str | None
) -> "Romanization | None":
    if not romanize:
        if stars is not None:
            raise typer.BadParameter("--stars needs --romanize")
        return None
    from voxport.alignment.romanized_aligner import Romanization

    return Romanization(language, stars=stars or "segment")


def _has_languages(package: str) -> bool:
    from voxport.package.find import find_package
    from voxport.package.read_manifest import read_manifest

    return bool(read_manifest(find_package(package)).languages)


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
