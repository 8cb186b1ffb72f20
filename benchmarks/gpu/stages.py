"""The stages of the GPU benchmark, each a list of jobs, and the run of one within its time.

A job is done when its rows are in the results; a failed one is tried again, except in the stage
``tests``, whose failures are results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.engines import fitting_engines
from benchmarks.gpu.jobs import Job, JobError, Row, run_job
from benchmarks.gpu.speed import workload_names
from benchmarks.gpu.target import SEEDED, SHIPPED, Target, package_folder, plain_file
from benchmarks.session import Results

PEAK = "peak"
_CUDA_TESTS = "tests/runtime/test_cuda.py"


@dataclass(frozen=True)
class Run:
    """A run of the benchmark: its device, folders and results."""

    target: Target
    is_dry: bool
    space: Path  # of models; made again if lost
    results: Results

    def rows(self, stage: str, name: str) -> list[Row]:
        """Return the rows of a job."""
        return [
            row
            for row in self.results.rows
            if row["kind"] == stage and row["job"] == name and "failed" not in row
        ]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every job: torch's hub cache lies in the space."""
        return {"TORCH_HOME": str(self.space / "torch")}

    def job(self, name: str, function: str, **arguments: object) -> Job:
        """Return a job of this run."""
        return Job(name, function, arguments, self.environment)


def prepare(run: Run) -> list[Job]:
    """List the jobs that write weights, packages and plain exports."""
    jobs: list[Job] = []
    space = str(run.space)
    precisions = ["fp32", "fp16"] if run.target.is_gpu else ["fp32"]
    for model in _models_with_trained(run):
        asked = {"space": space, "model": model}
        if model in SEEDED and not run.rows("prepare", f"weights {model}"):
            jobs.append(run.job(f"weights {model}", "prepare:write_weights", **asked))
        if not package_folder(run.space, model).exists():
            package = run.job(f"package {model}", "prepare:export", **asked, precisions=precisions)
            jobs.append(package)
        if model in SEEDED and not plain_file(run.space, model).exists():
            jobs.append(run.job(f"plain {model}", "prepare:export_plain", **asked))
    return jobs


def tests(run: Run) -> list[Job]:
    """List the doctor and the tests marked ``cuda``."""
    paths = [] if run.target.is_gpu else [_CUDA_TESTS]
    jobs = [run.job("doctor", "suite:examine"), run.job("pytest", "suite:run_tests", paths=paths)]
    return [job for job in jobs if not run.rows("tests", job.name)]


def parity(run: Run) -> list[Job]:
    """List each artifact of every model."""
    jobs: list[Job] = []
    for model in _models_with_trained(run):
        for path in _artifacts(run, model):
            name = f"{model} {path}"
            if len(run.rows("parity", name)) < 2:
                asked = {"space": str(run.space), "model": model, "artifact": path}
                jobs.append(run.job(name, "parity:compare", **asked, is_dry=run.is_dry))
    return jobs


def speed(run: Run) -> list[Job]:
    """List the device's peaks, and each engine on each model with its missing workloads."""
    jobs = [
        run.job(f"{PEAK} {one}", "speed:measure_peak", precision=one, is_dry=run.is_dry)
        for one in run.target.peaks
        if not run.rows("speed", f"{PEAK} {one}")
    ]
    for model in run.target.models:
        for engine in fitting_engines(run.target, model):
            name = f"{model} {engine}"
            done = {row.get("workload") for row in run.rows("speed", name)}
            if left := [one for one in workload_names(run.target) if one not in done]:
                asked = {"space": str(run.space), "model": model, "engine": engine, "left": left}
                jobs.append(run.job(name, "speed:measure", **asked, is_dry=run.is_dry))
    return jobs


def profile(run: Run) -> list[Job]:
    """List a call and a batch of the engines that matter most."""
    model = run.target.models[0]
    jobs: list[Job] = []
    for engine in run.target.profiled:
        for batch in run.target.profiled_batches:
            name = f"{model} {engine} x {batch}"
            if not run.rows("profile", name):
                asked = {"space": str(run.space), "model": model, "engine": engine, "batch": batch}
                jobs.append(run.job(name, "call_profile:profile", **asked, is_dry=run.is_dry))
    return jobs


STAGES: dict[str, Callable[[Run], list[Job]]] = {
    "prepare": prepare,
    "tests": tests,
    "parity": parity,
    "speed": speed,
    "profile": profile,
}


def run_stage(run: Run, stage: str, limit_s: float) -> list[str]:
    """Run a stage's missing jobs for at most ``limit_s`` seconds; return the names of those left.

    A job that fails is a row with its reason, and the next one runs.
    """
    deadline = time.monotonic() + limit_s
    for job in STAGES[stage](run):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        print(f"{stage}: {job.name}", file=sys.stderr, flush=True)

        def keep(row: Row, job: Job = job) -> None:
            run.results.add(stage, job=job.name, **row)

        try:
            run_job(job, keep, left_s)
        except (JobError, TimeoutError) as error:
            print(f"{stage}: {job.name}: {error}", file=sys.stderr, flush=True)
            run.results.add(stage, job=job.name, failed=str(error))
    return [job.name for job in STAGES[stage](run)]


def _models_with_trained(run: Run) -> list[str]:
    """List the models, on a GPU with the trained one before them."""
    return list(dict.fromkeys(([SHIPPED] if run.target.is_gpu else []) + list(run.target.models)))


def _artifacts(run: Run, model: str) -> Sequence[str]:
    folder = package_folder(run.space, model)
    names = ("model.ts", "model.onnx", "model.fp16.onnx")
    return [name for name in names if (folder / name).exists()]
