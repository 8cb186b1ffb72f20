"""``voxport transcribe``: audio files to text on stdout, or to a file each."""

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from voxport.cli.options import Kind, Package, Provider
from voxport.cli.output import FolderOutput, Output, StandardOutput, progress

if TYPE_CHECKING:
    from voxport.recognizer import Recognizer


class Format(str, Enum):
    """What is printed."""

    txt = "txt"
    json = "json"
    srt = "srt"
    vtt = "vtt"
    tsv = "tsv"


_ONE_RECORDING = (Format.srt, Format.vtt, Format.tsv)


def transcribe(
    package: Package,
    audio: Annotated[
        list[str],
        typer.Argument(
            metavar="AUDIO",
            help="Audio files: wav, flac, ogg, opus, mp3, aiff …; - is standard input.",
            show_default=False,
        ),
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            "-f",
            help="txt: one line a file. json: one object a line, with the times and scores of "
            "words and tokens. srt, vtt, tsv: one document a recording, so several need -o.",
        ),
    ] = Format.txt,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            help="Write DIR/NAME.FORMAT for each NAME.wav instead of printing; each file is "
            "whole or not there.",
            show_default=False,
        ),
    ] = None,
    artifact: Annotated[
        Kind | None,
        typer.Option(help="Which artifact of the package to run.", show_default="ONNX if there"),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="fp32 or another that the package has.", show_default="fp32"
        ),
    ] = None,
    provider: Provider = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="CPU threads.", show_default="the backend's own choice"
        ),
    ] = None,
    batch_seconds: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="S",
            help="Seconds of audio, padding included, that run at once; more takes more memory.",
        ),
    ] = 60.0,
) -> None:
    """Print what is said in audio files.

    Files come in the order given. One that cannot be transcribed is reported on stderr (with
    --format json in its line), the others are still transcribed, and the exit code is 1.

    \b
    Examples:
      voxport transcribe commands yes.wav no.flac
      voxport transcribe build/base960h talk.mp3 --format srt > talk.srt
      voxport transcribe build/base960h *.flac --format vtt -o subtitles
      ffmpeg -i talk.mp4 -f wav - | voxport transcribe build/base960h -
    """
    output = _output(audio, form, output_dir)
    from voxport.loading import load

    recognizer = load(
        package,
        provider,
        artifact.value if artifact else None,
        precision,
        threads,
        batch_seconds=batch_seconds,
    )
    if not _transcribe(recognizer, audio, output):
        raise typer.Exit(1)


def _output(audio: list[str], form: Format, folder: Path | None) -> Output:
    if folder is not None:
        return FolderOutput(folder, form.value, audio)
    if len(audio) > 1 and form in _ONE_RECORDING:
        raise typer.BadParameter(
            f"{form.value} is one document a recording: give --output-dir DIR, and each of the "
            f"{len(audio)} files gets its own"
        )
    return StandardOutput(form.value)


def _transcribe(recognizer: "Recognizer", audio: list[str], output: Output) -> bool:
    """Whether every file was transcribed."""
    failed = 0
    with progress(len(audio), output.free_terminal) as step:
        for name, outcome in zip(audio, recognizer.transcribe_each(_inputs(audio)), strict=True):
            if outcome.transcript is not None:
                output.write(name, outcome.transcript)
            else:
                failed += 1
                output.fail(name, outcome.error.reason if outcome.error else "no answer")
            step()
    return not failed


def _inputs(audio: list[str]) -> Iterator[str | BinaryIO]:
    for name in audio:
        yield cast("BinaryIO", sys.stdin.buffer) if name == "-" else name
