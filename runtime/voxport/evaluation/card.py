"""Error rates in a package's manifest and card.

The card gets a table between two marks, and the ``model-index`` of the Hugging Face Hub in the
metadata at its head. Everything else of a card stays as it is.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from voxport import __version__
from voxport.errors import PackageError
from voxport.evaluation.evaluate import EvaluationReport
from voxport.evaluation.package_update import update_package
from voxport.package.integrity import read_file
from voxport.package.manifest import Evaluation, Manifest
from voxport.package.read_manifest import read_manifest

CARD = "README.md"
_BEGIN, _END = "<!-- voxport evaluate -->", "<!-- /voxport evaluate -->"
_METADATA = re.compile(r"\A---\n(.*?\n)?---\n", re.DOTALL)
# A key of the metadata with its value: the lines below it that are indented or list items
_MODEL_INDEX = re.compile(r"^model-index:.*\n(?:[ \t-].*\n|\n)*", re.MULTILINE)


def write_results(report: EvaluationReport) -> tuple[Evaluation, ...]:
    """Write a report's error rates into the package's manifest and card.

    Earlier results of the same artifact, test set, normaliser and language are replaced, others
    stay.

    Returns:
        All results that the package now has.

    Raises:
        OutputError: the package is signed, ships with voxport, or cannot be written.
        PackageError: the package is broken, or its card was changed by somebody.
    """
    manifest = read_manifest(report.folder)
    added = list(summarize(report))
    keys = {one.key for one in added}
    kept = [one for one in manifest.evaluations if one.key not in keys]
    results = (*kept, *added)
    entry = next((one for one in manifest.files if one.path == CARD), None)
    files: dict[str, bytes] = {}
    if entry is not None:
        try:
            text = read_file(report.folder, entry).decode()
        except UnicodeDecodeError:
            raise PackageError("is not UTF-8", report.folder / CARD) from None
        files[CARD] = update_card(text, manifest, results).encode()
    listed = json.loads(json.dumps([asdict(one) for one in results]))
    update_package(report.folder, {"evaluations": listed}, files)
    return results


def summarize(report: EvaluationReport) -> Iterable[Evaluation]:
    """Yield the manifest's entry of each artifact and normaliser with a rate."""
    for result in report.results:
        for rates in result.rates:
            if rates.wer is None or rates.cer is None:
                continue
            scored = [
                one
                for one, score in zip(result.recordings, rates.scores, strict=True)
                if score is not None
            ]
            yield Evaluation(
                artifact=result.artifact.path,
                dataset=report.dataset,
                normalizer=rates.normalizer,
                provider=result.provider,
                measured_by=f"voxport {__version__}",
                clips=len(scored),
                seconds=round(sum(one.seconds for one in scored), 3),
                speakers=result.speakers,
                words=rates.words.length,
                wer=rates.wer,
                wer_interval=rates.wer_interval,
                cer=rates.cer,
                cer_interval=rates.cer_interval,
                rtfx=result.rtfx,
                language=report.language,
                merged_wer=rates.merged_wer,
            )


def update_card(text: str, manifest: Manifest, results: Sequence[Evaluation]) -> str:
    """Return a card with these results in place of earlier ones."""
    index = f"model-index: {json.dumps(model_index(manifest, results), ensure_ascii=False)}\n"
    found = _METADATA.match(text)
    body = text[found.end() :] if found else text
    metadata = _MODEL_INDEX.sub("", found[1] or "") if found else ""
    section = f"{_BEGIN}\n{_table(results)}{_END}"
    if _BEGIN in body and _END in body.partition(_BEGIN)[2]:
        before, _, rest = body.partition(_BEGIN)
        body = before + section + rest.partition(_END)[2]
    else:
        head, use, tail = body.partition("\n## Use\n")
        body = f"{head.rstrip()}\n\n{section}\n{use}{tail}"
    return f"---\n{metadata}{index}---\n{body}"


def model_index(manifest: Manifest, results: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Return the ``model-index`` of the Hub's metadata: an entry a test set, with its metrics.

    Rates are in percent there, as the Hub's own examples have them.
    """
    datasets: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for one in results:
        metrics = datasets.setdefault((one.dataset, one.language), [])
        for kind, rate in (("wer", one.wer), ("cer", one.cer)):
            name = f"{kind.upper()}, {one.artifact}, normalizer {one.normalizer}"
            metrics.append({"type": kind, "value": round(100 * rate, 2), "name": name})
    return [
        {
            "name": manifest.model.name,
            "results": [
                {
                    "task": {
                        "type": "automatic-speech-recognition",
                        "name": "Automatic Speech Recognition",
                    },
                    "dataset": _dataset(name, language),
                    "metrics": metrics,
                }
                for (name, language), metrics in datasets.items()
            ],
        }
    ]


def _dataset(name: str, language: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": name}
    return found if language is None else {**found, "args": {"language": language}}


def _table(results: Sequence[Evaluation]) -> str:
    """Write the section of the error rates."""
    rows = "".join(map(_row, results))
    return f"""## Measured error rates

Intervals are of 95 %, by a bootstrap over speakers where they are known, else over recordings. RTFx
is seconds of audio in a second of processing, on the machine of the measurement.

| test set | file | normaliser | WER | interval | CER | recordings | speakers | words | RTFx |
|---|---|---|---|---|---|---|---|---|---|
{rows}
"""


def _row(one: Evaluation) -> str:
    interval = "" if one.wer_interval is None else "{:.2%} to {:.2%}".format(*one.wer_interval)
    language = "" if one.language is None else f" ({one.language})"
    cells = (
        " ".join(one.dataset.split()).replace("|", r"\|") + language,
        one.artifact.replace("|", r"\|"),
        one.normalizer,
        f"{one.wer:.2%}",
        interval,
        f"{one.cer:.2%}",
        one.clips,
        one.speakers or "unknown",
        one.words,
        "" if one.rtfx is None else f"{one.rtfx:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |\n"
