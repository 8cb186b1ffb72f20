"""``voxport classify``: audio files to labels, of recordings or of frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli import transcribe_options as options
from voxport.cli.audio_argument import list_audio
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
    one_of,
)
from voxport.cli.package_argument import choose_model, split_package
from voxport.cli.task_run import LONGEST_SECONDS, LongestSeconds, print_each
from voxport.cli.terminal import Messages, printable
from voxport.inference.batches import BATCH_SECONDS

if TYPE_CHECKING:
    from voxport.tasks.classifier import Classification
    from voxport.tasks.frame_classifier import FrameScores

_FORMATS = ("txt", "json", "tsv")
_TOP_K = 5  # as in Classifier.classify, which is not imported for --help


def classify(
    package: Package,
    audio: options.Audio = None,
    recursive: options.Recursive = False,
    files_from: options.FilesFrom = None,
    top_k: Annotated[
        int,
        typer.Option(
            "--top-k",
            min=1,
            metavar="N",
            help="Labels to print for each recording, the best ones.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = _TOP_K,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar=f"[{'|'.join(_FORMATS)}]",
            callback=one_of(_FORMATS),
            help="txt: one line a file. json: one object a line, a line for each file that fails "
            "too. tsv: a line for each label, with the file in front.",
            rich_help_panel=OUTPUT_PANEL,
            autocompletion=complete_from(_FORMATS),
        ),
    ] = "txt",
    no_filenames: options.NoFilenames = False,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
    isolate: Isolate = False,
    batch_seconds: options.BatchSeconds = BATCH_SECONDS,
    longest_seconds: LongestSeconds = LONGEST_SECONDS,
    quiet: Quiet = False,
) -> None:
    """Print the labels of audio files: their language, keyword, emotion …

    \b
    Examples:
      voxport classify build/mms-lid talk.flac
      voxport classify build/mms-lid recordings/ --top-k 1 --format tsv

    PACKAGE is one whose model classifies (`voxport export facebook/mms-lid-256 -o build/mms-lid`).
    A recording has one label for its whole length; of a model that labels frames, the spans of
    each label are printed, where its score is over 0.5. A failing file is reported, the others
    are still classified, and the exit code is 1.
    """
    messages = Messages(quiet)
    package, given = split_package([package, *(audio or [])], "classify")
    names = list_audio(given, files_from, recursive)
    model = choose_model(package, artifact, precision, quiet)
    settings: dict[str, Any] = {
        "provider": provider,
        "artifact": model.artifact,
        "precision": model.precision,
        "threads": threads,
        "batch_seconds": batch_seconds,
        "longest_seconds": longest_seconds,
        "isolate": isolate,
    }
    writer = _Writer(form, is_naming=len(names) > 1 and not no_filenames)
    if not _run(model.package, settings, names, top_k, writer, messages):
        raise typer.Exit(1)


def _run(
    package: str,
    settings: dict[str, Any],
    names: list[str],
    top_k: int,
    writer: "_Writer",
    messages: Messages,
) -> bool:
    from voxport.loading import load_classifier, load_frame_classifier
    from voxport.package.find import find_package
    from voxport.package.manifest import FRAMES
    from voxport.package.read_manifest import read_manifest

    folder = find_package(Path(package) if Path(package).is_dir() else package)
    if read_manifest(folder).model.task == FRAMES:
        of_frames = load_frame_classifier(package, **settings)
        writer.labels = of_frames.labels
        each = of_frames.classify_frames_each
        return print_each(names, each, writer.write_frames, writer.form, messages)
    classifier = load_classifier(package, **settings)

    def answer_each(audio: Any) -> Any:
        return classifier.classify_each(audio, top_k=top_k)

    return print_each(names, answer_each, writer.write_labels, writer.form, messages)


class _Writer:
    """Documents of labels in one format."""

    def __init__(self, form: str, *, is_naming: bool) -> None:
        self.form = form
        self.labels: tuple[str, ...] = ()
        self._is_naming = is_naming

    def write_labels(self, name: str, found: "Classification") -> str:
        """Write the labels of a recording."""
        if self.form == "json":
            return _json_line(name, found, {"label": found.label})
        if self.form == "tsv":
            rows = [f"{_cell(one.label)}\t{_number(one.score)}" for one in found.scores]
            return "".join(f"{_cell(name)}\t{row}\n" for row in rows)
        listed = ", ".join(f"{printable(one.label)} ({one.score:.2f})" for one in found.scores)
        return f"{printable(name)}: {listed}\n" if self._is_naming else f"{listed}\n"

    def write_frames(self, name: str, found: "FrameScores") -> str:
        """Write the spans of each label in a recording."""
        spans = found.spans(self.labels)
        if self.form == "json":
            from dataclasses import asdict

            from voxport.transcript.formats import json_line

            listed = [asdict(span) for span in spans]
            return json_line({"file": name, "duration": found.duration, "spans": listed})
        if self.form == "tsv":
            return "".join(
                f"{_cell(name)}\t{_number(one.start)}\t{_number(one.end)}\t{_cell(one.label)}"
                f"\t{_number(one.score)}\n"
                for one in spans
            )
        prefix = f"{printable(name)}: " if self._is_naming else ""
        return "".join(
            f"{prefix}{one.start:9.2f} {one.end:9.2f}  {one.score:.2f}  {printable(one.label)}\n"
            for one in spans
        )


def _json_line(name: str, found: "Classification", fields: dict[str, Any]) -> str:
    from voxport.transcript.formats import json_line

    scores = [{"label": one.label, "score": one.score} for one in found.scores]
    return json_line({"file": name, **fields, "duration": found.duration, "scores": scores})


def _number(value: float) -> str:
    from voxport.transcript.formats import round_number

    return f"{round_number(value):.4f}"


def _cell(text: str) -> str:
    """Return text without the separators of a table."""
    return printable(" ".join(text.split("\t")))
