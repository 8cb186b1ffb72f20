"""``voxport evaluate``: the report of the evaluation as tables, JSON lines and a picture."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli.evaluation_tables import as_json, print_failures, print_report, recording_lines
from voxport.cli.options import (
    OUTPUT_PANEL,
    Artifacts,
    Isolate,
    Language,
    Package,
    Precisions,
    Provider,
    Quiet,
    Threads,
    complete_from,
    each_of,
    not_empty,
)
from voxport.cli.package_argument import choose_model
from voxport.cli.terminal import Messages, StatusLine

if TYPE_CHECKING:
    from voxport.evaluation.evaluate import EvaluationReport

_NORMALIZERS = ("plain", "leaderboard")


def evaluate(
    package: Package,
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="Recordings and their texts: a .jsonl, .csv or .tsv, a folder with a .txt beside "
            "each recording, or a Hugging Face dataset that save_to_disk wrote.",
            show_default=False,
        ),
    ],
    normalizer: Annotated[
        list[str],
        typer.Option(
            "--normalizer",
            "-n",
            metavar=f"[{'|'.join(_NORMALIZERS)}]",
            callback=each_of(_NORMALIZERS),
            help="Normaliser of both texts; repeat for both. plain: lower case, no punctuation, "
            "any script. leaderboard: the Open ASR Leaderboard's, for English.",
            show_default="plain, and leaderboard where the labels are ASCII",
            autocompletion=complete_from(_NORMALIZERS),
        ),
    ] = [],  # noqa: B006
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=not_empty,
            help="The split of a dataset with several.",
            show_default=False,
        ),
    ] = None,
    audio_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the manifest's relative paths start.",
            show_default="beside the manifest",
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=0, max=1_000_000, metavar="N", help="Draws of the bootstrap; 0: none")
    ] = 1000,
    worst: Annotated[
        int, typer.Option(min=0, metavar="N", help="List the N recordings with most errors.")
    ] = 5,
    words: Annotated[
        int, typer.Option(min=0, metavar="N", help="List the N most frequent differences by word.")
    ] = 10,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a line of JSON for each recording and artifact: texts, edits, rates.",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the confusions of characters and words; a .png, .svg or .pdf.",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    json_: Annotated[
        bool,
        typer.Option("--json", help="Print one line of JSON.", rich_help_panel=OUTPUT_PANEL),
    ] = False,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write the rates into the package's manifest and its card (model-index).",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    artifact: Artifacts = [],  # noqa: B006
    precision: Precisions = [],  # noqa: B006
    provider: Provider = "auto",
    threads: Threads = None,
    isolate: Isolate = False,
    language: Language = None,
    quiet: Quiet = False,
) -> None:
    """Measure a package's word error rate on known texts.

    \b
    Examples:
      voxport evaluate commands test.jsonl --picture errors.png
      voxport evaluate build/base960h librispeech/ -n leaderboard --write

    A line of a .jsonl is {"audio": "a.wav", "text": "yes", "speaker": "anna"}; the columns of a
    .csv have the same names (also path, file, sentence, transcript, speaker_id …). Without
    speakers, the confidence interval is too narrow if they repeat. A row that cannot be read is
    named on stderr and not scored, and the exit code is 1.

    \b
    WER         wrong words by the references' words, with its 95 % interval
    CER         the same of characters, spaces included
    RTFx        seconds of audio in a second of processing, from waveform to text
    merged WER  a compound may be two words, as the leaderboard scores
    """
    from voxport.evaluation.card import write_results
    from voxport.evaluation.evaluate import EvaluationPlan
    from voxport.evaluation.evaluate import evaluate as run
    from voxport.evaluation.package_update import check_updatable
    from voxport.evaluation.samples import SampleSet
    from voxport.package.find import find_package

    messages = Messages(quiet)
    if picture is not None:
        _check_picture(picture)
    model = choose_model(package, is_quiet=quiet)
    if write:
        check_updatable(find_package(model.package))
    plan = EvaluationPlan(
        kinds=model.kinds(artifact),
        precisions=model.precisions(precision),
        provider=provider,
        threads=threads,
        normalizers=tuple(dict.fromkeys(normalizer)),
        isolate=isolate,
        language=language,
        resamples=resamples,
    )
    status = _Status(messages)
    report = run(model.package, SampleSet(manifest, split, audio_folder), plan, status.step)
    status.clear()
    if json_:
        typer.echo(json.dumps(as_json(report), ensure_ascii=False))
    else:
        print_report(report, worst, words)
    print_failures(report, messages)
    _write_files(report, output, picture, messages)
    if write and report.is_complete:
        write_results(report)
        messages.note(f"{report.folder}: the rates are in its manifest and card")
    elif write:
        messages.error(f"{report.folder}: nothing is written into it: not every row was scored")
    if not report.is_complete:
        raise typer.Exit(1)


def _check_picture(path: Path) -> None:
    """Refuse a wrong ending or a missing matplotlib before a model is run."""
    from voxport.pictures import canvas

    canvas.check_format(path)
    canvas.matplotlib_figure()


def _write_files(
    report: "EvaluationReport", output: Path | None, picture: Path | None, messages: Messages
) -> None:
    if output is not None:
        from voxport.errors import OutputError, accessing
        from voxport.results.safe_file import replace_file

        lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in recording_lines(report))
        with accessing(output, OutputError, "cannot be written"):
            replace_file(output, "".join(lines).encode("utf-8", "surrogateescape"))
    if picture is None:
        return
    if figure := _draw(report):
        from voxport.pictures import canvas

        canvas.save(figure, picture)
    else:
        messages.warn(f"{picture}: not drawn: nothing was scored")


def _draw(report: "EvaluationReport") -> Any:
    """Draw the confusions of the first artifact under its first normaliser."""
    from voxport.pictures.confusions import ConfusionCounts, draw

    if not report.results or not report.results[0].recordings:
        return None
    first = report.results[0]
    rates = first.rates[0]
    units = [
        ConfusionCounts(unit, **{key: dict(found) for key, found in vars(counts).items()})
        for unit, counts in (
            ("characters", rates.confused_characters),
            ("words", rates.confused_words),
        )
    ]
    model = report.manifest.model.name
    wer = "" if rates.wer is None else f", WER {rates.wer:.2%}"
    title = f"{model}, {first.artifact.path} on {report.dataset}{wer} ({rates.normalizer})"
    return draw(title, units)


class _Status:
    """A line on a terminal's stderr with the rows done."""

    def __init__(self, messages: Messages) -> None:
        import sys

        self._line = StatusLine(sys.stderr, is_shown=not messages.is_quiet)

    def step(self, artifact: str, done: int) -> None:
        """Show the rows done."""
        self._line.show(f"{artifact}: {done} rows")

    def clear(self) -> None:
        """Leave the line to the report."""
        self._line.clear()
