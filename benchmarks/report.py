"""The page of one machine: tables of its results, made from the lines of JSON alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.flops import flops
from benchmarks.peers import TORCHAUDIO
from benchmarks.session import QUICK_WORKLOADS, WORKLOADS, Results, WorkloadSpec
from benchmarks.speech import RATE

_REFERENCE = WorkloadSpec(10, 1, 0)  # the workload of the first table


def write(folder: Path) -> None:
    """Write the page and its plots into the folder of the results."""
    results = Results(folder)
    drawn = plots.draw(results, folder)
    parts = [_machine(results), _peak(results), _speed(results), _lengths(results, (1,))]
    parts += [_lengths(results, (8,)), _mixed(results), _starts(results), _soak(results)]
    parts.append(_failures(results))
    parts += [f"![{name.stem.replace('-', ' ')}]({name.name})" for name in drawn]
    page = "\n\n".join(part for part in parts if part)
    (folder / "README.md").write_text(page + "\n", encoding="utf-8")


def titles(results: Results) -> dict[str, str]:
    """Return the title of each peer, in the order of the tables."""
    return {name: row["title"] for name, row in results.latest("peer").items()}


def _machine(results: Results) -> str:
    rows = [row for row in results.rows if row["kind"] == "machine"]
    if not rows:
        return "# Results"
    row = rows[-1]
    versions = ", ".join(f"{name} {found}" for name, found in row["versions"].items())
    commands = "\n".join(dict.fromkeys(row["command"] for row in rows))
    return f"""# {row["cpu"]}, {row["threads"]} threads

Base model (WAV2VEC2_ASR_BASE_960H with seeded weights), waveform to text, every peer in a process
of its own, in turns, after a warm-up. Made with:

```
{commands}
```

{row["cores"]} cores ({", ".join(row["instructions"])}), {row["memory_bytes"] / 1e9:.0f} GB, \
{row["system"]}, Python {row["python"]}, {versions}."""


def _peak(results: Results) -> str:
    rates = {n: row["operations_per_second"] for n, row in results.latest("peak").items()}
    if not rates:
        return ""
    rows = [(name, f"{rate / 1e9:.0f}") for name, rate in rates.items()]
    title = "## The machine's peak\n\nA product of two 2048 x 2048 matrices, best of 15.\n\n"
    return title + _table(("engine", "Gop/s"), rows)


def _speed(results: Results) -> str:
    """Write the table of ten seconds."""
    times = results.latest("time", _REFERENCE.name)
    if TORCHAUDIO not in times:
        return ""
    work = flops(int(_REFERENCE.seconds * RATE))
    base = times[TORCHAUDIO]
    rows = [
        (
            title,
            f"{1000 * row['median']:.0f}",
            f"{1000 * row['best']:.0f}",
            f"{row['rtf']:.4f}",
            f"{base['median'] / row['median']:.2f}",
            f"{base['best'] / row['best']:.2f}",
            f"{work / row['best'] / 1e9:.0f}",
            f"{row['peak_bytes'] / 1e6:.0f}",
        )
        for title, row in _sorted(results, times)
    ]
    head = ("", "median ms", "best ms", "RTF", "x eager", "x, best", "GFLOP/s", "peak MB")
    return (
        f"## Ten seconds, one clip\n\n{work / 1e9:.0f} GFLOP as torchaudio defines the model, for "
        "every peer. `x eager` is the speed in times that of eager torchaudio in float32, by the "
        "medians and by the best runs.\n\n"
    ) + _table(head, rows)


def _lengths(results: Results, batches: Sequence[int]) -> str:
    """Write medians over lengths, each with its ratio to eager torchaudio."""
    specs = [
        spec
        for spec in (*WORKLOADS, *QUICK_WORKLOADS)
        if spec.batch in batches and spec.name != "mixed"
    ]
    specs = sorted(specs, key=lambda spec: spec.seconds)
    names = list(dict.fromkeys(spec.name for spec in specs if results.latest("time", spec.name)))
    if not names:
        return ""
    times = {name: results.latest("time", name) for name in names}
    rows = [
        (title, *(_with_ratio(times[name], peer) for name in names))
        for peer, title in titles(results).items()
        if any(peer in found for found in times.values())
    ]
    head = "## One clip" if batches == (1,) else f"## Batches of {batches[0]}"
    return f"{head}\n\nMedian ms (times as fast as eager torchaudio).\n\n" + _table(
        ("", *names), rows
    )


def _mixed(results: Results) -> str:
    """Write the table of clips of many lengths, one by one, as a service gets them."""
    times = results.latest("time", "mixed")
    rows = [
        (
            title,
            f"{row['rtf']:.4f}",
            f"{row['best_rtf']:.4f}",
            f"{1000 * row['latency_p50']:.0f}",
            f"{1000 * row['latency_p95']:.0f}",
            f"{row['peak_bytes'] / 1e6:.0f}",
        )
        for title, row in _sorted(results, times)
    ]
    head = ("", "RTF, median", "RTF, best", "p50 ms", "p95 ms", "peak MB")
    title = "## Twelve clips of 1 to 20 s, one by one\n\n"
    return title + _table(head, rows) if rows else ""


def _with_ratio(times: dict[str, dict[str, Any]], peer: str) -> str:
    if peer not in times:
        return ""
    median = times[peer]["median"]
    ratio = f" ({times[TORCHAUDIO]['median'] / median:.2f})" if TORCHAUDIO in times else ""
    return f"{1000 * median:.0f}{ratio}"


def _starts(results: Results) -> str:
    """Write the times from the start of a process to the transcript of ten seconds."""
    rows: list[tuple[str, ...]] = []
    for peer, title in titles(results).items():
        found = [row for row in results.rows if row["kind"] == "start" and row["peer"] == peer]
        if found:
            firsts, loads = ([row[key] for row in found] for key in ("first", "load"))
            times = (statistics.median(firsts), min(firsts), statistics.median(loads))
            rows.append((title, *(f"{value:.2f}" for value in times)))
    if not rows:
        return ""
    head = ("", "to the first transcript, median s", "best s", "of it loading, median s")
    return (
        "## Cold start\n\nA fresh process, its imports, the model, ten seconds of audio; files in "
        "the system's cache.\n\n"
    ) + _table(head, rows)


def _soak(results: Results) -> str:
    rows = [
        (
            name,
            str(row["files"]),
            f"{row['audio_seconds'] / 3600:.1f}",
            f"{row['resident'][500 // row['every'] - 1] / 1e6:.0f}",
            f"{row['resident'][-1] / 1e6:.0f}",
            f"{max(row['resident']) / 1e6:.0f}",
            f"{row['growth']:+.1%}",
        )
        for name, row in results.latest("soak").items()
    ]
    head = ("", "files", "hours", "MB after 500", "MB at the end", "most MB", "growth")
    title = "## Memory over thousands of files\n\n`python -m benchmarks soak`, one thread.\n\n"
    return title + _table(head, rows) if rows else ""


def _failures(results: Results) -> str:
    rows = [f"- {name}: {row['reason']}" for name, row in results.latest("failed").items()]
    return "## Not measured\n\n" + "\n".join(rows) if rows else ""


def _sorted(results: Results, times: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return title and row of each peer, the slowest first."""
    order = sorted(times, key=lambda peer: -times[peer]["median"])
    named = titles(results)
    return [(named.get(peer, peer), times[peer]) for peer in order]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
