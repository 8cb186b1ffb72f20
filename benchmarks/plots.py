"""Plots of one machine's results."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks.peers import TORCHAUDIO
from benchmarks.session import WORKLOADS, Results

_OURS, _THEIRS = "#c8442b", "#8a97a6"


def draw(results: Results, folder: Path) -> list[Path]:
    """Plot the results there are; return the files in order."""
    try:
        import matplotlib
    except ImportError:  # tables need no pictures
        return []
    matplotlib.use("Agg")
    drawn = [
        _speed(results, folder / "speed.png"),
        _lengths(results, folder / "cost-against-length.png"),
        _starts(results, folder / "cold-start.png"),
        _soak(results, folder / "memory-over-files.png"),
    ]
    return [path for path in drawn if path]


def _speed(results: Results, path: Path) -> Path | None:
    times = results.latest("time", "10 s")
    if TORCHAUDIO not in times:
        return None
    base = times[TORCHAUDIO]["median"]
    values = {peer: base / row["median"] for peer, row in times.items()}
    return _bars(results, values, "times as fast as eager torchaudio, 10 s of audio", path)


def _starts(results: Results, path: Path) -> Path | None:
    values = {
        peer: statistics.median(
            row["first"] for row in results.rows if row["kind"] == "start" and row["peer"] == peer
        )
        for peer in results.latest("start")
    }
    title = "seconds from the start of a process to the transcript of 10 s"
    return _bars(results, values, title, path) if values else None


def _bars(results: Results, values: dict[str, float], title: str, path: Path) -> Path:
    peers = results.latest("peer")
    order = sorted(values, key=lambda peer: values[peer])
    figure, axes = _figure(height=1 + 0.32 * len(order))
    colours = [_OURS if peers[peer]["own"] else _THEIRS for peer in order]
    bars = axes.barh([peers[peer]["title"] for peer in order], [values[p] for p in order])
    for bar, colour in zip(bars, colours, strict=True):
        bar.set_color(colour)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.margins(x=0.1)
    axes.set_title(title, fontsize=10, loc="left")
    return _save(figure, path)


# Real-time factors at the ticks of the axis
_TICKS = [step * 10.0**power for power in range(-5, 2) for step in (1, 2, 5)]


def _lengths(results: Results, path: Path) -> Path | None:
    single = {
        spec.name: spec.seconds
        for spec in WORKLOADS
        if spec.batch == 1 and not isinstance(spec.seconds, tuple)
    }
    found = {name: results.latest("time", name) for name in single}
    peers = results.latest("peer")
    from matplotlib import colormaps

    figure, axes = _figure(height=5)
    axes.set_prop_cycle("color", colormaps["tab20"](range(20)))
    for peer, row in peers.items():
        times = {single[name]: rows[peer]["rtf"] for name, rows in found.items() if peer in rows}
        points = sorted(times.items())
        if len(points) > 1:
            style: dict[str, Any] = {"linewidth": 2.2} if row["own"] else {"linestyle": "--"}
            axes.plot(*zip(*points, strict=True), marker=".", label=row["title"], **style)
    if not axes.lines:
        return None
    axes.set(xscale="log", yscale="log", xlabel="seconds of audio in one clip")
    ticks = sorted(set(single.values()))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    low, high = axes.get_ylim()
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title("real-time factor: seconds spent per second of audio", fontsize=10, loc="left")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return _save(figure, path)


def _soak(results: Results, path: Path) -> Path | None:
    rows = results.latest("soak")
    if not rows:
        return None
    figure, axes = _figure(height=3.5)
    for name, row in rows.items():
        files = [row["every"] * (i + 1) for i in range(len(row["resident"]))]
        axes.plot(files, [size / 1e6 for size in row["resident"]], label=name)
    axes.set(xlabel="files, of 0.1 to 30 s", ylim=0)
    axes.set_title("resident memory of one recognizer, MB", fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return _save(figure, path)


def _figure(height: float) -> Any:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, height))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    figure.savefig(path, dpi=130, bbox_inches="tight", metadata={"Software": None})
    pyplot.close(figure)
    return path
