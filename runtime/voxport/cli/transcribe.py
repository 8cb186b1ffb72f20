"""``voxport transcribe``: audio files to text on stdout, or to a file each."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import typer

from voxport.cli import transcribe_options as options
from voxport.cli.audio_argument import STANDARD_INPUT, list_audio
from voxport.cli.follow import follow
from voxport.cli.options import (
    Artifact,
    Isolate,
    Language,
    Package,
    Precision,
    Provider,
    Quiet,
    Threads,
)
from voxport.cli.package_argument import choose_model, split_package
from voxport.cli.progress import Progress, Summary
from voxport.cli.terminal import Messages
from voxport.cli.transcribe_request import (
    SearchOptions,
    Target,
    choose_target,
    parse_stream,
)
from voxport.cli.transcript_output import FileOutput, StandardOutput
from voxport.cli.vocabulary import NOTE, is_probably_outside
from voxport.errors import OutputError, VoxportError
from voxport.inference.batches import BATCH_SECONDS

if TYPE_CHECKING:
    from voxport.recognizer import Recognizer
    from voxport.transcript.transcript import Transcript

_WHOLE_SECONDS = 120.0  # as in voxport.load, which is not imported for --help


def transcribe(
    package: Package,
    audio: options.Audio = None,
    recursive: options.Recursive = False,
    files_from: options.FilesFrom = None,
    form: options.Format = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    no_filenames: options.NoFilenames = False,
    is_followed: options.Follow = False,
    raw: options.Raw = None,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
    isolate: Isolate = False,
    language: Language = None,
    beam: options.Beam = None,
    language_model: options.LanguageModelFile = None,
    no_language_model: options.NoLanguageModel = False,
    alpha: options.Alpha = None,
    beta: options.Beta = None,
    hot_words: options.HotWords = None,
    batch_seconds: options.BatchSeconds = BATCH_SECONDS,
    whole_seconds: options.WholeSeconds = _WHOLE_SECONDS,
    quiet: Quiet = False,
) -> None:
    """Print what is said in audio files.

    \b
    Examples:
      voxport transcribe commands yes.wav no.flac
      voxport transcribe build/base960h talk.mp3 -o talk.srt

    Files come in the order given; the text of one is printed alone, texts of several behind their
    names. A failing one is reported on stderr (with --format json in its line), the others are
    still transcribed, and the exit code is 1.

    \b
    More:
      voxport transcribe build/base960h recordings/ -r --format vtt -o subtitles
      ffmpeg -i talk.mp4 -f wav - | voxport transcribe build/base960h -
      arecord -q -f S16_LE -r 16000 | voxport transcribe build/base960h - --follow
    """
    messages = Messages(quiet)
    package, given = split_package([package, *(audio or [])], "transcribe")
    names = list_audio(given, files_from, recursive)
    target = choose_target(names, form, output, overwrite, not no_filenames)
    stream = parse_stream(is_followed, raw, names, target.form, output)
    search = SearchOptions(
        beam, language_model, not no_language_model, alpha, beta, hot_words or []
    )
    decoder = search.decoder(lambda: _has_language_model(package))
    if stream and decoder:
        raise typer.BadParameter("--follow decodes greedily: no --beam, --lm or --hotword")
    model = choose_model(package, artifact, precision, quiet)

    def load() -> "Recognizer":
        from voxport.loading import load

        return load(
            model.package,
            provider,
            model.artifact,
            model.precision,
            threads,
            batch_seconds=batch_seconds,
            whole_seconds=whole_seconds,
            decoder=decoder,
            isolate=isolate,
            language=language,
        )

    if stream:
        follow(load(), cast("BinaryIO", sys.stdin.buffer), target.form, stream.raw)
    elif target.folder is not None:
        _finish(_into_folder(load, names, target, target.folder, messages))
    else:
        _finish(_one_by_one(load, names, target, messages))


def _has_language_model(package: str) -> bool:
    """Tell whether the package brings a language model."""
    from voxport.package.find import find_package
    from voxport.package.read_manifest import read_manifest

    folder = find_package(choose_model(package).package)
    return read_manifest(folder).language_model is not None


def _finish(is_complete: bool) -> None:
    if not is_complete:
        raise typer.Exit(1)


def _one_by_one(load: Any, names: list[str], target: Target, messages: Messages) -> bool:
    """Print transcripts, or write one; return whether none failed."""
    if target.file is not None:
        output = FileOutput(target.file, target.form, target.is_overwriting, messages)
    else:
        output = StandardOutput(target.form, target.is_naming, messages)
    recognizer: Recognizer = load()
    outside, done = 0, 0

    def grow(_: str, text: str) -> None:
        progress.clear()
        output.grow(names[done], text)

    def show(name: str, seconds: float, promised: float | None) -> None:
        if not (output.is_growing and sys.stdout.isatty()):  # it would be on the same line
            progress.within(name, seconds, promised)

    summary = Summary(len(names), messages, lists_failures=target.form == "json")
    with summary, Progress(len(names), messages) as progress, output:
        outcomes = recognizer.transcribe_each(map(_open, names), progress=show, on_text=grow)
        for outcome in outcomes:
            name = names[done]
            progress.clear()
            transcript = outcome.transcript
            reason = outcome.error.reason if outcome.error else "no answer"
            if transcript is not None:
                reason = _write(output, name, transcript)
            if transcript is None or reason is not None:
                summary.add_failure()
                output.fail(name, str(reason))
            else:
                summary.add(transcript.duration)
                outside += is_probably_outside(recognizer.manifest.model, transcript)
            done += 1
            progress.step()
    if outside and sys.stderr.isatty():
        messages.warn(f"{_describe_outside(outside, len(names))}: it understands {NOTE}")
    return not summary.failed


def _write(output: StandardOutput | FileOutput, name: str, transcript: "Transcript") -> str | None:
    """Write a transcript; return the reason of a failure."""
    try:
        output.write(name, transcript)
    except OutputError as error:
        return str(error)
    return None


def _describe_outside(outside: int, total: int) -> str:
    subject = "the recording is" if total == 1 else f"{outside} of {total} recordings are"
    return f"{subject} probably misheard, or outside the vocabulary of `commands`"


def _into_folder(
    load: Any, names: list[str], target: Target, folder: Path, messages: Messages
) -> bool:
    """Write transcripts into a folder; return whether none failed."""
    from voxport.results.folder import FolderOutput, transcribe_into

    names = list(dict.fromkeys(names))
    with FolderOutput(folder, target.form, names) as output:
        recognizer: Recognizer = load()
        plan = output.plan(recognizer.result_settings, target.is_overwriting)
        if plan.done:
            total = len(names)
            messages.note(f"{len(plan.done)} of {total} files were done before (--overwrite)")
        summary = Summary(len(names), messages, resumes=True)
        with summary, Progress(len(names), messages, len(plan.done)) as progress:
            outcomes = transcribe_into(
                output, plan, recognizer, names, progress.within, open_input=_open
            )
            for outcome in outcomes:
                if outcome.error is not None:
                    progress.clear()
                    summary.add_failure()
                    messages.error(f"{outcome.name}: {_reason(outcome.error, outcome.name)}")
                elif outcome.transcript is not None:
                    summary.add(outcome.transcript.duration)
                else:
                    summary.add_kept()
                    continue
                progress.step()
    return not summary.failed


def _reason(error: VoxportError, name: str) -> str:
    """Return an error's message without the recording's name in front."""
    return error.reason if error.subject == name else str(error)


def _open(name: str) -> "str | BinaryIO":
    return cast("BinaryIO", sys.stdin.buffer) if name == STANDARD_INPUT else name
