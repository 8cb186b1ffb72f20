"""Short measurement at start: many workers of one thread, or one of many threads.

Knows how to run a clip; no scheduler.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voxport.audio.recording import Clip
from voxport.recognizer import Recognizer
from voxport.tasks.classifier import Classifier

_CLIP_S = 6.0  # a common length of what people say to a machine
_MEASURED_S = 0.8


@dataclass(frozen=True)
class Plan:
    """Workers of a service, and the threads that each batch runs on."""

    workers: int
    threads: int
    speed: float | None = None  # seconds of audio a second, where it was measured

    def __str__(self) -> str:
        speed = "" if self.speed is None else f": {self.speed:.0f} s of audio a second"
        return f"{self.workers} x {self.threads} threads{speed}"


def candidate_plans(cores: int) -> list[Plan]:
    """Return the plans worth a measurement on a number of cores."""
    return [Plan(1, cores), Plan(cores, 1)] if cores > 1 else [Plan(1, 1)]


def choose_plan(
    plans: list[Plan], load: Callable[[Plan], Recognizer | Classifier]
) -> tuple[Plan, list[Plan]]:
    """Measure plans one after another; return the fastest, and all with their speeds.

    Args:
        plans: at least one; a single one is not measured.
        load: loads the model for a plan.
    """
    if len(plans) == 1:
        return plans[0], plans
    measured = [
        Plan(plan.workers, plan.threads, measure_speed(load(plan), plan.workers)) for plan in plans
    ]
    return max(measured, key=lambda plan: plan.speed or 0.0), measured


def measure_speed(
    model: Recognizer | Classifier, workers: int, seconds: float = _MEASURED_S
) -> float:
    """Return the seconds of audio that workers run in a second."""
    rate = model.manifest.model.sample_rate
    run = model.classify_clips if isinstance(model, Classifier) else model.transcribe_clips
    noise = np.random.default_rng(0).normal(0, 0.1, int(_CLIP_S * rate)).astype(np.float32)
    clips = [Clip(noise, _CLIP_S)]
    run(clips)  # the first run allocates
    counts = [0] * workers
    start = time.perf_counter()

    def work(worker: int) -> None:
        while time.perf_counter() - start < seconds:
            run(clips)
            counts[worker] += 1

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) * _CLIP_S / (time.perf_counter() - start)
