"""``voxport align``: when each word of a known text was said."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from voxport.cli.options import Artifact, Package, Precision, Provider, Threads, not_empty, one_of
from voxport.transcript.formats import FORMATS, format_alignment

if TYPE_CHECKING:
    from voxport.alignment.text_aligner import AlignedTranscript


def align(
    package: Package,
    audio: Annotated[
        str,
        typer.Argument(
            metavar="AUDIO",
            callback=not_empty,
            help="An audio file; - is standard input.",
            show_default=False,
        ),
    ],
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help="What is said in it. * as a word stands for anything that the text leaves out.",
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
        str,
        typer.Option(
            "--format",
            "-f",
            metavar=f"[{'|'.join(FORMATS)}]",
            callback=one_of(FORMATS),
            help="txt: a line a word, with its start and end in seconds and its score. json: one "
            "object, with the times of words and tokens. srt, vtt, tsv: subtitles.",
        ),
    ] = "txt",
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
) -> None:
    """Find when each word of a known text was said.

    Case, accents and punctuation are made the model's own. What its labels cannot spell, such as
    digits, is held by a star, which fits any sound, and named on stderr; write it out for exact
    times.

    \b
    Examples:
      voxport align commands yes.wav "yes"
      voxport align build/base960h talk.flac -t talk.txt -f srt > talk.srt
      voxport align build/base960h talk.flac "* and so we begin *" -f json
    """
    if (text is None) == (text_file is None):
        raise typer.BadParameter("give the text, as TEXT or with --text-file, and only once")
    if audio == "-" and text_file == "-":
        raise typer.BadParameter("standard input (-) can be read once")
    from voxport.loading import load

    known = text if text is not None else _read(cast("str", text_file))
    recognizer = load(package, provider, artifact, precision, threads)
    source = cast("BinaryIO", sys.stdin.buffer) if audio == "-" else audio
    transcript = recognizer.align(source, known)
    _report(audio, transcript)
    typer.echo(format_alignment(transcript, form, audio), nl=False)


def _read(name: str) -> str:
    from voxport.errors import InputError, accessing

    with accessing("standard input" if name == "-" else name, InputError):
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")


def _report(audio: str, transcript: "AlignedTranscript") -> None:
    if transcript.unspelled:
        words = ", ".join(item.word for item in transcript.unspelled)
        typer.echo(f"{audio}: no label spells these, a star holds their place: {words}", err=True)
