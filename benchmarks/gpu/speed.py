"""Speed of one engine on the device: single clips, batches, mixed lengths, new lengths, memory.

Times are of whole calls, from waveforms on the host to texts on the host. The real-time factor is
the Open ASR Leaderboard's: seconds of audio over seconds spent, text included.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.engines import ENGINES, Recognize
from benchmarks.gpu.jobs import Row
from benchmarks.gpu.target import Target, target_of
from benchmarks.speech import RATE

Batches = list[list[NDArray[np.float32]]]
NEW_LENGTHS = "new lengths"
_LOUDNESS = 0.1
_PEAK_RUNS = 10
_STEP_S = 0.37  # between new lengths; no multiple of a workload's


def workload_names(target: Target) -> list[str]:
    """List the workloads of a target."""
    return [*_workloads(target), NEW_LENGTHS]


def measure(space: str, model: str, engine: str, is_dry: bool, left: list[str]) -> Iterator[Row]:
    """Open an engine and measure the workloads ``left``."""
    target = target_of(is_dry)
    begun = time.perf_counter()
    recognize = ENGINES[engine].open(Path(space), model, target.device)
    recognize([_noise(1.0)])
    yield {"workload": "open", "first": time.perf_counter() - begun}
    for name, create in _workloads(target).items():
        if name in left:
            yield {"workload": name, **_time_passes(recognize, create(), target)}
    if NEW_LENGTHS in left:
        yield {"workload": NEW_LENGTHS, **_time_new_lengths(recognize, target.new_lengths)}


def measure_peak(precision: str, is_dry: bool) -> Iterator[Row]:
    """Measure a large square product: the device's peak in this precision."""
    import torch

    target = target_of(is_dry)
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    kind = torch.float32 if precision == "tf32" else getattr(torch, precision)
    x, y = torch.randn(2, target.product, target.product, device=target.device).to(kind)
    times: list[float] = []
    for _ in range(_PEAK_RUNS):
        _synchronize(target)
        begun = time.perf_counter()
        x @ y
        _synchronize(target)
        times.append(time.perf_counter() - begun)
    yield {"operations_per_second": 2 * target.product**3 / min(times)}


def _synchronize(target: Target) -> None:
    import torch

    if target.is_gpu:
        torch.cuda.synchronize()


def _workloads(target: Target) -> dict[str, Callable[[], Batches]]:
    """Return a function that makes the batches of each workload, by name."""
    alone = {f"{s:g} s": (lambda s=s: [[_noise(s)]]) for s in target.alone_seconds}
    batches = {
        f"{size} x {target.batch_seconds:g} s": (
            lambda size=size: [make_batch(size, target.batch_seconds)]
        )
        for size in target.batches
    }
    seconds = target.mixed_seconds()
    mixed = {
        "mixed, sorted": lambda: _batch(sorted(seconds, reverse=True), target.mixed_batch),
        "mixed, as they come": lambda: _batch(seconds, target.mixed_batch),
    }
    return {**alone, **batches, **mixed}


def make_batch(size: int, seconds: float) -> list[NDArray[np.float32]]:
    """Return so many clips of noise of one length."""
    return [_noise(seconds)] * size


def _batch(seconds: Sequence[float], size: int) -> Batches:
    clips = [_noise(one) for one in seconds]
    return [clips[start : start + size] for start in range(0, len(clips), size)]


def _noise(seconds: float) -> NDArray[np.float32]:
    samples = round(seconds * RATE)
    return np.random.default_rng(samples).standard_normal(samples, np.float32) * _LOUDNESS


def _time_passes(recognize: Recognize, batches: Batches, target: Target) -> Row:
    """Time whole passes over the batches, after one that is not counted."""
    times: list[float] = []
    for number in range(target.passes + 1):
        begun = time.perf_counter()
        for batch in batches:
            recognize(batch)
        if number:
            times.append(time.perf_counter() - begun)
    clips = [clip for batch in batches for clip in batch]
    return {
        "audio_seconds": sum(map(len, clips)) / RATE,
        "samples": [len(clip) for clip in clips],
        "median": statistics.median(times),
        "best": min(times),
        "memory_bytes": _memory(target),
    }


def _time_new_lengths(recognize: Recognize, count: int) -> Row:
    """Time the first call at each of several new lengths, and the median of the next three."""
    firsts: list[float] = []
    later: list[float] = []
    for number in range(count):
        clip = _noise(1.13 + number * _STEP_S)
        times: list[float] = []
        for _ in range(4):
            begun = time.perf_counter()
            recognize([clip])
            times.append(time.perf_counter() - begun)
        firsts.append(times[0])
        later.append(statistics.median(times[1:]))
    return {
        "first_median": statistics.median(firsts),
        "first_worst": max(firsts),
        "later_median": statistics.median(later),
        "lengths": count,
    }


def _memory(target: Target) -> int:
    """Return the bytes in use on the GPU, which this process has for itself; else resident."""
    if not target.is_gpu:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    command = [program, "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return int(shown.split()[0]) << 20
