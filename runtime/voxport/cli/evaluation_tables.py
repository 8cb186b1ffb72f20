"""Evaluation reports as tables for people and JSON for machines."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from voxport.cli.terminal import Messages, printable

if TYPE_CHECKING:
    from voxport.evaluation.error_rates import Edits, ErrorRates, TextScore
    from voxport.evaluation.evaluate import ArtifactResult, EvaluationReport

_LINE = "{:16} {:11} {:>7} {:>15} {:>7} {:>6} {:>5} {:>5} {:>5} {:>6}"
_MAX_NAMED = 10  # rows that fail, named one by one


def print_report(report: "EvaluationReport", worst: int, words: int) -> None:
    """Print the rates of every artifact, then the worst recordings and words of the first."""
    if not report.results:
        return
    first = report.results[0]
    speakers = f", {first.speakers} speakers" if first.speakers else ""
    minutes = first.audio_seconds / 60
    count = len(first.recordings)
    name = printable(report.dataset)
    typer.echo(f"{name}: {count} recordings{speakers}, {minutes:.1f} min of audio\n")
    head = ("artifact", "normalizer", "WER %", "95 % interval", "CER %", "words")
    typer.echo(_LINE.format(*head, "sub", "del", "ins", "RTFx"))
    for result in report.results:
        for rates in result.rates:
            typer.echo(_row(result, rates))
    for rates in first.rates:
        _print_notes(first, rates)
    if not first.recordings:
        return
    _print_worst(first, worst)
    _print_words(first.rates[0], words)


def _row(result: "ArtifactResult", rates: "ErrorRates") -> str:
    edits, interval = rates.words, rates.wer_interval
    shown = "-" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"
    return _LINE.format(
        result.artifact.path,
        rates.normalizer,
        _percent(rates.wer),
        shown,
        _percent(rates.cer),
        edits.length,
        edits.substitutions,
        edits.deletions,
        edits.insertions,
        "-" if result.rtfx is None else f"{result.rtfx:.1f}",
    )


def _print_notes(result: "ArtifactResult", rates: "ErrorRates") -> None:
    notes: list[str] = []
    if rates.merged_wer is not None and rates.merged_wer != rates.wer:
        notes.append(f"merged WER {_percent(rates.merged_wer)} %")
    if rates.left_out:
        notes.append(f"{rates.left_out} recordings without a word in their reference left out")
    elif rates.normalizer == "plain" and (empty := _count_empty(rates)):
        notes.append(f"{empty} recordings without a word in their reference: only insertions count")
    if rates.normalizer == result.rates[0].normalizer and result.too_short:
        notes.append(f"{result.too_short} recordings too short for a frame: their text is empty")
    for note in notes:
        typer.echo(f"  {result.artifact.path}, {rates.normalizer}: {note}")


def _count_empty(rates: "ErrorRates") -> int:
    return sum(score is not None and not score.reference for score in rates.scores)


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.2f}"


def _print_worst(result: "ArtifactResult", most: int) -> None:
    """Print the recordings with most wrong words under the first normaliser."""
    found = [
        (score.words.errors, one.name, score)
        for one, score in zip(result.recordings, result.rates[0].scores, strict=True)
        if score is not None and score.words.errors
    ]
    if not found or not most:
        return
    typer.echo(f"\nmost errors ({result.artifact.path}, {result.rates[0].normalizer}):")
    for errors, name, score in sorted(found, key=lambda item: -item[0])[:most]:
        typer.echo(f"  {errors} in {score.words.length} words: {printable(name)}")
        typer.echo(f"    expected: {printable(score.reference)}")
        typer.echo(f"    heard:    {printable(score.hypothesis)}")


def _print_words(rates: "ErrorRates", most: int) -> None:
    confused = rates.confused_words
    columns = (
        ("substitutions", [(f"{a} > {b}", n) for (a, b), n in confused.substitutions.items()]),
        ("deletions", list(confused.deletions.items())),
        ("insertions", list(confused.insertions.items())),
    )
    for name, counted in columns:
        if counted and most:
            ranked = sorted(counted, key=lambda item: (-item[1], item[0]))[:most]
            listed = ", ".join(f"{printable(text)} {count}" for text, count in ranked)
            typer.echo(f"\n{name}: {listed}")


def print_failures(report: "EvaluationReport", messages: Messages) -> None:
    """Name the rows and artifacts without a score on stderr."""
    rows = report.bad_rows
    for row in rows[:_MAX_NAMED]:
        messages.error(f"{row.name}: {row.reason}")
    if len(rows) > _MAX_NAMED:
        messages.error(f"and {len(rows) - _MAX_NAMED} more")
    if rows:
        scored = len(report.results[0].recordings)
        counted = "1 row is" if len(rows) == 1 else f"{len(rows)} rows are"
        messages.error(f"{counted} not scored, {scored} are")
    for failed in report.failed:
        messages.error(f"{failed.name}: {failed.reason}")
    for skipped in report.skipped:
        messages.note(f"{skipped.name}: skipped: {skipped.reason}")


def as_json(report: "EvaluationReport") -> dict[str, Any]:
    """Return the report without its recordings, for one line of JSON."""
    return {
        "dataset": report.dataset,
        "package": str(report.folder),
        "language": report.language,
        "artifacts": [_artifact(result) for result in report.results],
        "not_scored": [asdict(row) for row in report.bad_rows],
        "failed": [asdict(row) for row in report.failed],
        "skipped": [asdict(row) for row in report.skipped],
    }


def _artifact(result: "ArtifactResult") -> dict[str, Any]:
    return {
        "artifact": result.artifact.path,
        "precision": result.artifact.precision,
        "provider": result.provider,
        "recordings": len(result.recordings),
        "speakers": result.speakers,
        "too_short": result.too_short,
        "audio_seconds": result.audio_seconds,
        "processing_seconds": result.processing_seconds,
        "rtfx": result.rtfx,
        "rates": {rates.normalizer: _rates(rates) for rates in result.rates},
    }


def _rates(rates: "ErrorRates") -> dict[str, Any]:
    confused = rates.confused_words
    substituted = sorted(confused.substitutions.items(), key=lambda item: (-item[1], item[0]))
    return {
        "wer": rates.wer,
        "wer_interval": rates.wer_interval,
        "cer": rates.cer,
        "cer_interval": rates.cer_interval,
        "merged_wer": rates.merged_wer,
        "words": rates.words.length,
        "hits": rates.words.hits,
        "substitutions": rates.words.substitutions,
        "deletions": rates.words.deletions,
        "insertions": rates.words.insertions,
        "left_out": rates.left_out,
        "substituted": [[*pair, count] for pair, count in substituted],
        "deleted": dict(confused.deletions.most_common()),
        "inserted": dict(confused.insertions.most_common()),
    }


def recording_lines(report: "EvaluationReport") -> Iterator[dict[str, Any]]:
    """Yield an object for each recording and artifact, and for each row that is not scored."""
    for result in report.results:
        for place, one in enumerate(result.recordings):
            scores = {rates.normalizer: rates.scores[place] for rates in result.rates}
            yield {
                "file": one.name,
                "artifact": result.artifact.path,
                "speaker": one.speaker,
                "duration": one.seconds,
                "reference": one.reference,
                "text": one.text,
                **{name: _score(score) for name, score in scores.items()},
            }
        for row in result.bad_rows:
            yield {"file": row.name, "artifact": result.artifact.path, "error": row.reason}


def _score(score: "TextScore | None") -> dict[str, Any] | None:
    if score is None:
        return None
    return {
        "reference": score.reference,
        "text": score.hypothesis,
        "wer": score.words.rate,
        "cer": score.characters.rate,
        **_counts(score.words),
    }


def _counts(edits: "Edits") -> dict[str, int]:
    return {"words": edits.length, **asdict(edits)}
