"""The page of a GPU's results, made from the lines of JSON alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.flops import BASE as BASE_SHAPE
from benchmarks.flops import LARGE as LARGE_SHAPE
from benchmarks.flops import flops
from benchmarks.gpu.engines import ALONE_REFERENCE, ENGINES, REFERENCE
from benchmarks.gpu.speed import NEW_LENGTHS
from benchmarks.gpu.target import BASE, LARGE
from benchmarks.session import Results

_SHAPES = {BASE: BASE_SHAPE, LARGE: LARGE_SHAPE}
Row = dict[str, Any]


def write(folder: Path) -> None:
    """Write the page beside its results."""
    rows = Results(folder).rows
    parts = [_machine(rows), _tests(rows), _parity(rows), *_speed(rows), _profiles(rows)]
    parts.append(_failures(rows))
    text = "\n\n".join(part for part in parts if part)
    (folder / "README.md").write_text(text + "\n", encoding="utf-8")


def _of(rows: Iterable[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["kind"] == kind and "failed" not in row]


def _machine(rows: Sequence[Row]) -> str:
    row = _of(rows, "machine")[-1]
    versions = ", ".join(f"{name} {found}" for name, found in row["versions"].items())
    return f"""# {row["gpu"] or "No GPU: a dry run on the CPU"}

`python -m benchmarks gpu`. Base and large model with seeded weights, waveforms on the host to texts
on the host; every engine in a process of its own, after a call that is not counted.

{row["cpu"]}, {row["memory_bytes"] / 1e9:.0f} GB, {row["system"]}, Python {row["python"]}, \
{versions}."""


def _tests(rows: Sequence[Row]) -> str:
    found = {row["test"]: row for row in _of(rows, "tests") if "test" in row}
    if not found:
        return ""
    doctor = next((row for row in _of(rows, "tests") if "providers" in row), None)
    works = [p["name"] for p in doctor["providers"] if p["works"]] if doctor else []
    counts = ", ".join(
        f"{sum(row['outcome'] == kind for row in found.values())} {kind}"
        for kind in ("passed", "failure", "error", "skipped")
    )
    lines = [f"## Tests\n\n`voxport doctor`: {', '.join(works)} work. `pytest -m cuda`: {counts}."]
    lines += [
        f"- {row['test']}: {row['outcome']}: {row['reason']}"
        for row in found.values()
        if row["outcome"] != "passed"
    ]
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _parity(rows: Sequence[Row]) -> str:
    found = {(row["job"], row["case"]): row for row in _of(rows, "parity") if "case" in row}
    cells = [
        (
            job,
            case,
            row["runs_on"],
            f"{row['difference']:.1e}",
            f"{row['equal_tokens']} of {row['clips']}",
        )
        for (job, case), row in found.items()
    ]
    head = ("artifact", "", "runs on", "largest difference", "equal tokens")
    title = "## Parity\n\nBeside eager PyTorch in float32 on the same device, each clip alone.\n\n"
    return title + _table(head, cells) if cells else ""


def _speed(rows: Sequence[Row]) -> list[str]:
    peaks = {
        row["job"].partition(" ")[2]: row["operations_per_second"]
        for row in _of(rows, "speed")
        if "operations_per_second" in row
    }
    shown = ", ".join(f"{name} {rate / 1e12:.1f}" for name, rate in peaks.items())
    parts = [f"## Peak\n\nA large product, TFLOP/s: {shown}."] if peaks else []
    for model in dict.fromkeys(_model_of(row) for row in _of(rows, "speed") if "workload" in row):
        parts.append(_model_speed(rows, model, peaks))
    return parts


def _model_of(row: Row) -> str:
    return str(row["job"]).partition(" ")[0]


def _model_speed(rows: Sequence[Row], model: str, peaks: dict[str, float]) -> str:
    found: dict[str, dict[str, Row]] = {}
    for row in _of(rows, "speed"):
        if "workload" in row and _model_of(row) == model:
            engine = row["job"].partition(" ")[2]
            found.setdefault(row["workload"], {})[engine] = row
    opened = found.pop("open", {})
    fresh = found.pop(NEW_LENGTHS, {})
    parts = [f"## Speed of {model}"]
    for workload, engines in found.items():
        parts.append(_workload(model, workload, engines, peaks))
    cells = [
        (
            engine,
            f"{opened[engine]['first']:.1f}" if engine in opened else "",
            f"{1000 * row['first_median']:.1f}",
            f"{1000 * row['first_worst']:.1f}",
            f"{1000 * row['later_median']:.1f}",
        )
        for engine, row in fresh.items()
    ]
    head = ("engine", "open to first text, s", "first call, median ms", "worst", "later calls")
    if cells:
        parts.append("### At a new length\n\n" + _table(head, cells))
    return "\n\n".join(parts)


def _workload(model: str, workload: str, engines: dict[str, Row], peaks: dict[str, float]) -> str:
    is_alone = " x " not in workload and not workload.startswith("mixed")
    reference = ALONE_REFERENCE if is_alone and ALONE_REFERENCE in engines else REFERENCE
    base = engines.get(reference)
    cells = []
    for engine, row in sorted(engines.items(), key=lambda item: -item[1]["best"]):
        cells.append(
            (
                engine + (" (trial)" if ENGINES[engine].is_trial else ""),
                f"{1000 * row['median']:.2f}",
                f"{1000 * row['best']:.2f}",
                f"{row['audio_seconds'] / row['median']:.0f}",
                f"{base['median'] / row['median']:.2f}" if base else "",
                _share(model, engine, row, peaks),
                f"{row['memory_bytes'] / 1e6:.0f}",
            )
        )
    head = ("engine", "median ms", "best ms", "x real time", f"x {reference}", "of the peak", "MB")
    return f"### {workload}\n\n" + _table(head, cells)


def _share(model: str, engine: str, row: Row, peaks: dict[str, float]) -> str:
    """Write the share of the peak in the engine's precision that the model's products reach."""
    precision = next((kind for name, kind in _PRECISIONS.items() if name in engine), "float32")
    if model not in _SHAPES or precision not in peaks:
        return ""
    work = sum(flops(samples, _SHAPES[model]) for samples in row["samples"])
    return f"{work / row['best'] / peaks[precision]:.1%}"


_PRECISIONS = {"fp16": "float16", "bf16": "bfloat16"}


def _profiles(rows: Sequence[Row]) -> str:
    found = {row["job"]: row for row in _of(rows, "profile") if "kinds" in row}
    parts = [
        f"### {name}\n\n{1000 * row['seconds']:.2f} ms a call, "
        f"{1000 * row['seconds_profiled']:.2f} in the profiler.\n\n"
        + _table(
            ("", "ms", "share"),
            [
                (kind, f"{1000 * s:.2f}", f"{s / row['seconds_profiled']:.0%}")
                for kind, s in row["kinds"].items()
            ],
        )
        for name, row in found.items()
    ]
    return "## Profiles\n\n" + "\n\n".join(parts) if parts else ""


def _failures(rows: Sequence[Row]) -> str:
    """List jobs whose last attempt failed."""
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["kind"] != "machine":
            last[row["kind"], row["job"]] = row
    failed = [
        f"- {stage}, {job}: {row['failed']}"
        for (stage, job), row in last.items()
        if "failed" in row
    ]
    return "## Not measured\n\n" + "\n".join(failed) if failed else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
