"""A package's artifacts side by side, on several providers and with several numbers of threads.

Chooses the measurements and gathers them. Knows nothing of how they are shown.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from voxport.backends.open import open_artifact
from voxport.benchmark import clips
from voxport.benchmark.process import Candidate, Process
from voxport.benchmark.timing import Timing, take_turns
from voxport.errors import VoxportError
from voxport.package.artifact_choice import fitting_artifacts, unavailable_error
from voxport.package.find import find_package
from voxport.package.manifest import EXPORTED_PROGRAM, TORCHSCRIPT, Artifact, Manifest
from voxport.package.read_manifest import read_manifest
from voxport.package.required_task import require_transcripts
from voxport.recognizer import Recognizer

_PROGRAMS = {TORCHSCRIPT: "a TorchScript file", EXPORTED_PROGRAM: "an exported program"}
_UNLIMITED_BATCH_SECONDS = 1e9  # a batch of the workload runs as it is given


@dataclass(frozen=True)
class BenchmarkPlan:
    """The measurements to make; an empty choice means everything or the default."""

    kinds: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    providers: tuple[str, ...] = ("auto",)
    threads: tuple[int | None, ...] = (None,)  # None: the backend's own choice
    audio: tuple[Path, ...] = ()  # noise of mixed lengths if there is none
    batch: int = 8  # clips
    runs: int = 5


@dataclass(frozen=True)
class Variant:
    """One artifact, on one provider, with one number of threads."""

    artifact: str  # its file
    precision: str
    provider: str  # as asked for
    threads: int | None

    def __str__(self) -> str:
        threads = "" if self.threads is None else f", {self.threads} threads"
        return f"{self.artifact} (provider {self.provider}{threads})"


@dataclass(frozen=True)
class Result:
    """One variant's measurements."""

    variant: Variant
    runs_on: str  # the provider, as the backend names it
    load_seconds: float  # of opening the package, its hash included
    first_seconds: float  # from the start of a process to the transcript of the first clip
    alone: Timing  # every clip by itself
    batched: Timing
    same_texts: float  # the share of clips with the transcript of the first variant


@dataclass(frozen=True)
class Failure:
    """A variant or artifact without a measurement, and the reason."""

    variant: Variant | None  # None: the package has no such artifact
    reason: str


@dataclass(frozen=True)
class BenchmarkReport:
    """Measurements, failures and skipped artifacts of a benchmark."""

    clips: int
    audio_seconds: float
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]
    skipped: tuple[Failure, ...] = ()  # nobody asked for them by name
    padded_seconds: float = 0.0  # of the batches: their clips are as long as the longest of each


def benchmark(package: str, plan: BenchmarkPlan) -> BenchmarkReport:
    """Measure a package on this machine."""
    folder = find_package(package)
    manifest = read_manifest(folder)
    require_transcripts(folder, manifest)
    fitting = fitting_artifacts(folder, manifest, plan.kinds, plan.precisions)
    variants: list[Variant] = []
    skipped: list[Failure] = []
    for item, provider, threads in product(fitting, plan.providers, plan.threads):
        variant = Variant(item.path, item.precision, provider, threads)
        if not plan.kinds and (reason := _reason_to_skip(item)):
            skipped.append(Failure(variant, reason))
        else:
            variants.append(variant)
    with tempfile.TemporaryDirectory(prefix="voxport-") as space, ExitStack() as stack:
        stored = _write_clips(Path(space), folder, plan)
        report = _Session(folder, stored, plan, stack).measure(variants)
    failures = (*_absent(folder, manifest, fitting, plan), *report.failures)
    return replace(report, failures=failures, skipped=tuple(skipped))


class Opened:
    """The recognizer in the process of a variant: from waveforms to texts, as a user has it."""

    def __init__(self, folder: str, artifact: str, provider: str, threads: int | None) -> None:
        manifest = read_manifest(Path(folder))
        chosen = next(item for item in manifest.artifacts if item.path == artifact)
        backend = open_artifact(Path(folder), chosen, provider, threads, manifest.model)
        self._recognizer = Recognizer(
            manifest, chosen, backend, batch_seconds=_UNLIMITED_BATCH_SECONDS
        )
        self.runs_on = backend.provider

    def __call__(self, waveforms: Sequence[Any]) -> list[str]:
        """Return the texts of one batch."""
        return [item.text for item in self._recognizer.transcribe(list(waveforms))]


def create_candidate(folder: Path, variant: Variant) -> Candidate:
    """Return the process of a variant, to be started."""
    arguments = {
        "folder": str(folder),
        "artifact": variant.artifact,
        "provider": variant.provider,
        "threads": variant.threads,
    }
    return Candidate(str(variant), f"{__name__}:{Opened.__name__}", arguments)


def _reason_to_skip(artifact: Artifact) -> str | None:
    """Return the reason why an artifact is not measured unless its kind is named, or None."""
    if artifact.kind not in _PROGRAMS:
        return None
    return (
        f"{_PROGRAMS[artifact.kind]} is a program that can read and write your files: to measure "
        f"it, name it (--artifact {artifact.kind}), if you trust its author"
    )


def _absent(
    folder: Path, manifest: Manifest, fitting: Sequence[Artifact], plan: BenchmarkPlan
) -> Iterator[Failure]:
    """Yield each name missing from all artifacts that fit the rest of the plan."""
    held = {name for item in fitting for name in (item.kind, item.precision)}
    precisions, kinds = " or ".join(plan.precisions), " or ".join(plan.kinds)
    named = {one: (one, kinds) for one in plan.precisions}
    named |= {one: (precisions, one) for one in plan.kinds}
    for name, wanted in named.items():
        if name not in held:
            yield Failure(None, str(unavailable_error(folder, manifest, *wanted)))


def _write_clips(space: Path, folder: Path, plan: BenchmarkPlan) -> list[clips.StoredClip]:
    rate = read_manifest(folder).model.sample_rate
    if plan.audio:
        return clips.write_recordings(space, plan.audio, rate)
    return clips.write_noise(space, clips.MIXED_SECONDS, rate)


class _Session:
    """The processes of one benchmark and their measurements."""

    def __init__(
        self,
        folder: Path,
        stored: Sequence[clips.StoredClip],
        plan: BenchmarkPlan,
        stack: ExitStack,
    ) -> None:
        self._folder, self._clips, self._plan, self._stack = folder, stored, plan, stack
        self._variants: dict[str, Variant] = {}
        self._first: dict[str, float] = {}
        self._failures: list[Failure] = []

    def measure(self, variants: Sequence[Variant]) -> BenchmarkReport:
        started = [process for variant in variants if (process := self._start(variant))]
        alone = clips.single_workload(self._clips)
        timed = self._timings(started, alone)
        going = [process for process in started if process.candidate.name in timed]
        together = clips.batched_workload(self._clips, self._plan.batch)
        batched = self._timings(going, together)
        results = [
            self._result(process, timed, batched)
            for process in going
            if process.candidate.name in batched
        ]
        seconds = alone.audio_seconds
        return BenchmarkReport(
            len(self._clips),
            seconds,
            tuple(results),
            tuple(self._failures),
            padded_seconds=together.padded_seconds,
        )

    def _start(self, variant: Variant) -> Process | None:
        """Start a process and let it give its first transcript; ``None`` if it fails."""
        process = self._stack.enter_context(Process(create_candidate(self._folder, variant)))
        self._variants[process.candidate.name] = variant
        try:
            process.load()
            process.run([[self._clips[0].file]])
        except VoxportError as error:
            self._fail(process, error)
            return None
        self._first[process.candidate.name] = process.age()
        return process

    def _timings(self, processes: Sequence[Process], workload: clips.Workload) -> dict[str, Timing]:
        found = take_turns(processes, workload, self._plan.runs, self._fail)
        return {timing.candidate: timing for timing in found}

    def _fail(self, process: Process, error: VoxportError) -> None:
        variant = self._variants[process.candidate.name]
        self._failures.append(Failure(variant, error.reason))

    def _result(
        self, process: Process, alone: dict[str, Timing], batched: dict[str, Timing]
    ) -> Result:
        name = process.candidate.name
        mine, firsts = alone[name].texts, next(iter(alone.values())).texts
        same = sum(text == other for text, other in zip(mine, firsts, strict=True)) / len(mine)
        return Result(
            variant=self._variants[name],
            runs_on=process.runs_on,
            load_seconds=process.load_seconds,
            first_seconds=self._first[name],
            alone=alone[name],
            batched=batched[name],
            same_texts=same,
        )
