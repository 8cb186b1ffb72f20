"""Compare forced alignment with torchaudio's: ``python -m benchmarks.alignment``, without weights.

All get the same log-probabilities and labels, and take turns; torchaudio aligns one recording at a
time. Paths must be equal, but where sums tie in float32, as they do after minutes: there torchaudio
2.11 may take a worse one. 20 ms a frame; 29 labels, as the English models have. Ends in a line of
JSON.
"""

from __future__ import annotations

import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
import torchaudio.functional
import typer

from benchmarks import machine
from voxport.alignment.forced_alignment import Engine, forced_align, frames_needed, log_softmax

Case: TypeAlias = "tuple[np.ndarray[Any, Any], list[int]]"  # log-probabilities (T, C) and labels

LABELS = 29
_ROW_SECONDS = 3.0  # that a row of the table is measured for, at the least
_MIN_TURNS = 5


def run(
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    hours: Annotated[
        bool, typer.Option(help="Also ten minutes, and an hour without torchaudio.")
    ] = False,
) -> None:
    """Measure, print a table and a line of JSON."""
    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    loads = {
        f"{frames / 50:.0f} s, {labels} labels": [_case(rng, frames, labels)]
        for frames, labels in SIZES
    }
    loads["200 recordings of 0.2 to 4 s, at once"] = [
        _case(rng, int(rng.integers(10, 200)), None) for _ in range(200)
    ]
    loads["32 recordings of 10 s, 120 labels, at once"] = [_case(rng, 499, 120) for _ in range(32)]
    if hours:
        loads["10 min, 8000 labels"] = [_case(rng, 30_000, 8_000)]
    rows = [_measure(name, cases) for name, cases in loads.items()]
    _print(rows)
    if hours:
        rows.append(_hour(rng))
    print(json.dumps({"machine": machine.describe(threads), "rows": rows}))


SIZES = ((50, 5), (100, 15), (250, 40), (499, 80), (499, 150), (1499, 250), (2999, 500))


def _case(rng: np.random.Generator, frames: int, labels: int | None) -> Case:
    """Return a random case with labels that repeat."""
    count = labels or int(rng.integers(1, frames // 2))
    target = rng.integers(1, LABELS, count).tolist()
    while frames_needed(target) > frames:
        target.pop()
    return log_softmax(3 * rng.standard_normal((frames, LABELS), dtype=np.float32)), target


def _measure(name: str, cases: Sequence[Case]) -> dict[str, Any]:
    """Time all in turns: medians are what happened, the best what the machine can do."""
    emissions, targets = zip(*cases, strict=True)
    tensors = [
        (torch.from_numpy(log_probs)[None], torch.tensor([target])) for log_probs, target in cases
    ]

    def ours(engine: Engine = "numpy") -> list[Any]:
        return [found.path for found in forced_align(emissions, targets, engine=engine)]

    def torchaudios() -> list[Any]:
        return [torchaudio.functional.forced_align(*pair, blank=0)[0][0] for pair in tensors]

    for own, compiled, other, (log_probs, _) in zip(
        ours(), ours("numba"), torchaudios(), cases, strict=True
    ):
        assert (own == compiled).all()
        _check(log_probs, own, other.numpy())
    work: dict[str, Callable[[], object]] = {
        "voxport": ours,
        "numba": lambda: ours("numba"),
        "torchaudio": torchaudios,
    }
    times: dict[str, list[float]] = {who: [] for who in work}
    end = time.perf_counter() + _ROW_SECONDS
    while time.perf_counter() < end or len(times["voxport"]) < _MIN_TURNS:
        for who, do in work.items():
            times[who].append(_time(do))
    return {
        "name": name,
        "turns": len(times["voxport"]),
        **{
            f"{who}_{kind}_ms": 1000 * of(values)
            for who, values in times.items()
            for kind, of in (("median", statistics.median), ("best", min))
        },
    }


def _hour(rng: np.random.Generator) -> dict[str, Any]:
    """Measure an hour of speech: its time, and the most memory beside the emission."""
    log_probs, target = _case(rng, 180_000, 50_000)
    tracemalloc.start()
    seconds = _time(lambda: forced_align([log_probs], [target]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"1 h, 50000 labels: {seconds:.1f} s, {peak / 1e6:.0f} MB")
    return {"name": "1 h, 50000 labels", "voxport_s": seconds, "peak_bytes": peak}


def _check(log_probs: np.ndarray[Any, Any], own: Any, other: Any) -> None:
    """Check that our path is torchaudio's or a likelier one."""
    if (own != other).any():
        frames = np.arange(len(own))
        difference = log_probs[frames, own].astype(float) - log_probs[frames, other]
        assert difference.sum() > 0, difference.sum()
        print(f"{(own != other).sum()} of {len(own)} frames differ, by {difference.sum():.2g} nats")


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _print(rows: Sequence[dict[str, Any]]) -> None:
    """Print times, and torchaudio's median as a multiple of each."""
    print("| milliseconds, median (best) | voxport | with numba | torchaudio | ratios |")
    print("|---|---|---|---|---|")
    for row in rows:
        cells = [f"{row[f'{who}_median_ms']:.3f} ({row[f'{who}_best_ms']:.3f})" for who in PEERS]
        ratios = [row["torchaudio_median_ms"] / row[f"{who}_median_ms"] for who in PEERS[:-1]]
        print(f"| {row['name']} | {' | '.join(cells)} | {' / '.join(f'{x:.2f}' for x in ratios)} |")


PEERS = ("voxport", "numba", "torchaudio")

if __name__ == "__main__":
    typer.run(run)
