"""The table of families and tasks: each case exported, and what its package answered.

An export compares every artifact, loaded again, with transformers' eager model run on each
recording alone: alone and in one batch padded with NaN. It fails where an emission differs by more
than 1e-4 of the largest, or one token, time or text at all; the rows are what it measured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.families.cases import CASES, TASK_CASES, Case
from voxport.package.manifest import Manifest, Measurement
from voxport.verification.comparison import TOLERANCE
from voxport_export.package.export import Options, export_package

_SAMPLES = Path(__file__).parents[2] / "models" / "commands" / "samples"
_MOST_RECORDINGS = 3


@dataclass(frozen=True)
class Row:
    """One artifact of one case, and what was measured of it."""

    case: str
    task: str
    published: str  # the checkpoint whose configuration it has
    artifact: str
    reference: str
    clips: int
    difference: float  # largest, relative to the largest number of the reference
    equal: str  # share of equal transcripts


def recordings() -> list[Path]:
    """Return the recordings of the table: shipped ones of different lengths."""
    return sorted(_SAMPLES.glob("*.flac"), key=lambda path: path.stat().st_size)[::3][
        :_MOST_RECORDINGS
    ]


def export_case(case: Case, folder: Path, audio: Sequence[Path], real: bool = False) -> Manifest:
    """Export a case to ``folder / "package"`` and return its manifest."""
    model = case.write(folder / "model", real)
    formats = Options().formats
    if case.task == "CTC" and not real:
        formats = (*formats, "exported-program")
    # The weights are seeded: nothing makes the blank the most frequent label.
    options = Options(formats, features=case.features, audio=tuple(audio), force=True)
    return export_package(str(model), folder / "package", options)


def measure(case: Case, real: bool = False) -> list[Row]:
    """Export one case and return its rows."""
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        found = list(rows(case, export_case(case, Path(folder), recordings(), real)))
    print(f"{case.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return found


def read_rows(path: Path) -> list[Row]:
    """Read the rows measured so far; none if there is no file."""
    if not path.exists():
        return []
    return [Row(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def write_rows(path: Path, found: Iterable[Row]) -> None:
    """Write rows as JSON, in the order of the cases."""
    order = [case.name for case in (*CASES, *TASK_CASES)]
    kept = sorted((row for row in found if row.case in order), key=lambda r: order.index(r.case))
    text = json.dumps([asdict(row) for row in kept], indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def rows(case: Case, manifest: Manifest) -> Iterator[Row]:
    """Yield the rows of one package."""
    for one in manifest.parity:
        share = one.max_emission_difference / one.emission_tolerance
        equal = f"{one.equal_transcripts:.0%}"
        yield _row(case, case.task, one, share, equal)
    for answers in manifest.head.parity if manifest.head else ():
        share = answers.max_difference / answers.tolerance
        yield _row(case, case.task, answers, share, f"{answers.equal_labels:.0%}")
    for found in manifest.features.parity if manifest.features else ():
        yield _row(case, "features", found, found.max_difference / found.tolerance, "")


def _row(case: Case, task: str, one: Measurement, share: float, equal: str) -> Row:
    named = (case.name, task, case.published, one.artifact, one.reference)
    return Row(*named, one.clips, share * TOLERANCE, equal)


def write_markdown(found: Iterable[Row]) -> str:
    """Write the rows as a table of the documentation."""
    lines = [
        "| family | task | configuration of | file | compared with | largest relative difference "
        "| equal tokens and text, or labels |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.case} | {row.task} | {row.published} | {row.artifact} "
        f"| {row.reference} | {row.difference:.1e} | {row.equal} |"
        for row in found
    ]
    return "\n".join(lines) + "\n"
