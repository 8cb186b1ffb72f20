"""``voxport transcribe``: audio files to text on stdout, or to a file each."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from voxport.cli.follow import FORMATS as STREAMED
from voxport.cli.follow import follow
from voxport.cli.options import (
    Artifact,
    Package,
    Precision,
    Provider,
    Threads,
    finite,
    not_empty,
    one_of,
)
from voxport.cli.output import FolderOutput, Output, Plan, StandardOutput
from voxport.cli.progress import Progress
from voxport.errors import OutputError
from voxport.inference.batches import BATCH_SECONDS
from voxport.transcript.formats import FORMATS

if TYPE_CHECKING:
    from voxport.audio.pcm_stream import PcmFormat
    from voxport.decoding.beam_search import BeamSearch
    from voxport.recognizer import Outcome, Recognizer

_ONE_RECORDING = ("srt", "vtt", "tsv")


def _audio(names: list[str]) -> list[str]:
    for name in names:
        not_empty(name)
    if names.count("-") > 1:
        raise typer.BadParameter("standard input (-) can be read once")
    return names


def _hot_words(words: list[str] | None) -> list[str] | None:
    if any(not word.strip() for word in words or []):
        raise typer.BadParameter("the word is empty")
    return words


def transcribe(
    package: Package,
    audio: Annotated[
        list[str],
        typer.Argument(
            metavar="AUDIO",
            callback=_audio,
            help="Audio files: wav, flac, ogg, opus, mp3, aiff …; - is standard input; a name that "
            "starts with a dash needs its folder: ./-x.wav.",
            show_default=False,
        ),
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar=f"[{'|'.join(FORMATS)}]",
            callback=one_of(FORMATS),
            help="txt: one line a file; a file that fails has its line on stderr instead, so that "
            "lines and files match only where all succeed (json has a line for each). json: one "
            "object a line, with the times and scores of words and tokens. srt, vtt, tsv: one "
            "document a recording, so several need -o.",
        ),
    ] = "txt",
    output_dir: Annotated[
        str | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            callback=not_empty,
            help="Write DIR/NAME.FORMAT for each NAME.wav instead of printing; each file is "
            "whole or not there. Recordings of one name are told apart by their folders "
            "(DIR/bed/x.txt, DIR/bird/x.txt), in one folder by their endings (DIR/x.flac.txt). "
            "What is done is not done again: after an interruption, give the same command. A file "
            "that voxport did not write, or that was changed since, is left as it is.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="With -o: do all again, and replace whatever files are there."
        ),
    ] = False,
    is_followed: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="With - as AUDIO: transcribe a stream while it comes (wav, or what --raw says). "
            "Final words are printed within two seconds, with their times; a terminal shows "
            "meanwhile what they seem to be, --format json tells both.",
        ),
    ] = False,
    raw: Annotated[
        str | None,
        typer.Option(
            metavar="RATE:FORMAT:CHANNELS",
            help="With --follow: the stream has no header, and is this. What is left out is as in "
            "16000:s16le:1, so that 8000 means 8000:s16le:1. Formats: u8, s16le, s24le, s32le, "
            "f32le, f64le.",
            show_default=False,
        ),
    ] = None,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
    beam: Annotated[
        int | None,
        typer.Option(
            "--beam",
            min=1,
            metavar="N",
            help="Search with N prefixes instead of decoding greedily. 50 with --lm or --hotword.",
            show_default=False,
        ),
    ] = None,
    language_model: Annotated[
        Path | None,
        typer.Option(
            "--lm",
            metavar="FILE",
            help="An n-gram language model of words: .arpa, .arpa.gz, or KenLM's binary "
            '(pip install "voxport[lm]").',
            show_default=False,
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="X",
            callback=finite,
            help="With --lm: the language model's weight.",
            show_default="0.5",
        ),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            callback=finite,
            help="With --lm: what every word adds, in nats.",
            show_default="1.0",
        ),
    ] = None,
    hot_word: Annotated[
        list[str] | None,
        typer.Option(
            "--hotword",
            metavar="WORD",
            callback=_hot_words,
            help="A word to favour. Repeat for several.",
            show_default=False,
        ),
    ] = None,
    batch_seconds: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="S",
            callback=finite,
            help="Seconds of audio, padding included, that run together; more takes more memory.",
        ),
    ] = BATCH_SECONDS,
    whole_seconds: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="S",
            callback=finite,
            help="A recording of up to S seconds runs at once, and the time for that grows with "
            "the square of its length; a longer one, of any length, runs in windows of 40 s.",
        ),
    ] = 120.0,
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
      arecord -q -f S16_LE -r 16000 | voxport transcribe build/base960h - --follow
    """
    stream = _stream_format(is_followed, raw, audio, form, output_dir)
    if overwrite and output_dir is None:
        raise typer.BadParameter("--overwrite needs --output-dir DIR")
    if output_dir is not None:
        audio = list(dict.fromkeys(audio))
    output = _output(audio, form, output_dir)
    decoder = _decoder(beam, language_model, alpha, beta, hot_word or [])
    if stream and decoder:
        raise typer.BadParameter("--follow decodes greedily: no --beam, --lm or --hotword")
    from voxport.loading import load

    recognizer = load(
        package,
        provider,
        artifact,
        precision,
        threads,
        batch_seconds=batch_seconds,
        whole_seconds=whole_seconds,
        decoder=decoder,
    )
    if stream:
        follow(recognizer, cast("BinaryIO", sys.stdin.buffer), form, stream[0])
        return
    todo, refused = audio, False
    if isinstance(output, FolderOutput):
        plan = output.plan(f"{recognizer.identity} {whole_seconds:g} {decoder}", overwrite)
        todo, refused = plan.todo, bool(plan.refused)
        _report(plan, output)
    if not _transcribe(recognizer, todo, output, len(audio)) or refused:
        raise typer.Exit(1)


def _stream_format(
    is_followed: bool, raw: str | None, audio: list[str], form: str, output_dir: str | None
) -> "tuple[PcmFormat | None] | None":
    """What is known of the stream, if there is one."""
    if not is_followed:
        if raw is not None:
            raise typer.BadParameter("--raw needs --follow")
        return None
    if audio != ["-"] or output_dir is not None:
        raise typer.BadParameter("--follow takes standard input (-) alone, and prints")
    if form not in STREAMED:
        raise typer.BadParameter(f"--follow prints {' or '.join(STREAMED)}, not {form}")
    from voxport.audio.pcm_stream import parse_format
    from voxport.errors import InputError

    try:
        return (None if raw is None else parse_format(raw),)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


def _decoder(
    beam: int | None,
    language_model: Path | None,
    alpha: float | None,
    beta: float | None,
    hot_words: list[str],
) -> "BeamSearch | None":
    """What the options ask for; None: as the graph does."""
    weights = {"alpha": alpha, "beta": beta}
    given = {name: value for name, value in weights.items() if value is not None}
    if given and language_model is None:
        options = " and ".join(f"--{name}" for name in given)
        raise typer.BadParameter(f"{options}: only with --lm FILE, the language model to weigh")
    if not (beam or language_model or hot_words):
        return None
    from voxport.decoding.beam_search import BeamSearch

    search = BeamSearch(beam or 50, language_model, hot_words=tuple(hot_words))
    return replace(search, **given)


def _output(audio: list[str], form: str, folder: str | None) -> Output:
    if folder is not None:
        return FolderOutput(Path(folder), form, audio)
    if len(audio) > 1 and form in _ONE_RECORDING:
        raise typer.BadParameter(
            f"{form} is one document a recording: give --output-dir DIR, and each of the "
            f"{len(audio)} files gets its own"
        )
    return StandardOutput(form)


def _report(plan: Plan, output: Output) -> None:
    """Say what is not done, and why."""
    if done := len(plan.done):
        total = done + len(plan.todo) + len(plan.refused)
        typer.echo(f"{done} of {total} files were done before (--overwrite)", err=True)
    for name, reason in plan.refused.items():
        output.fail(name, reason)


def _transcribe(recognizer: "Recognizer", audio: list[str], output: Output, total: int) -> bool:
    """Whether every file was transcribed."""
    failed = 0
    with Progress(total, total - len(audio)) as progress:
        outcomes = recognizer.transcribe_each(_inputs(audio), progress=progress.within)
        for name, outcome in zip(audio, outcomes, strict=True):
            progress.clear()
            reason = _write(output, name, outcome)
            if reason is not None:
                failed += 1
                output.fail(name, reason)
            progress.step()
    return not failed


def _write(output: Output, name: str, outcome: "Outcome") -> str | None:
    """Write the transcript; the reason if there is none, or if it cannot be written."""
    if outcome.transcript is None:
        return outcome.error.reason if outcome.error else "no answer"
    try:
        output.write(name, outcome.transcript)
    except OutputError as error:
        return str(error)
    return None


def _inputs(audio: list[str]) -> Iterator[str | BinaryIO]:
    for name in audio:
        yield cast("BinaryIO", sys.stdin.buffer) if name == "-" else name
