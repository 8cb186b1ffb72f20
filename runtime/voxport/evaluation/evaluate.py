"""Evaluation of a package on a test set: every artifact's error rates and speed, side by side.

Chooses the artifacts and gathers the measurements. Knows nothing of how they are shown.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxport.backends.isolation import Isolation
from voxport.decoding.beam_search import BeamSearch
from voxport.errors import InputError, VoxportError
from voxport.evaluation.error_rates import ErrorRates, measure
from voxport.evaluation.normalizers import NORMALIZERS, PLAIN, find_normalizer
from voxport.evaluation.samples import BadRow, SampleSet
from voxport.evaluation.transcription import Heard, TimedTranscription
from voxport.loading import load
from voxport.package.artifact_choice import fitting_artifacts, unavailable_error
from voxport.package.find import find_package
from voxport.package.languages import choose_language
from voxport.package.manifest import PROGRAMS, Artifact, Manifest, ModelInfo
from voxport.package.read_manifest import read_manifest
from voxport.package.required_task import require_transcripts

Step = Callable[[str, int], None]  # called with the artifact and the rows done


@dataclass(frozen=True)
class EvaluationPlan:
    """The artifacts to evaluate and the measures; an empty choice is everything or the default."""

    kinds: tuple[str, ...] = ()  # programs only where they are named
    precisions: tuple[str, ...] = ()
    provider: str = "auto"
    threads: int | None = None
    normalizers: tuple[str, ...] = ()  # plain, and the leaderboard's where the labels are English
    decoder: BeamSearch | None = None
    isolate: bool | Isolation = False
    language: str | None = None
    resamples: int = 1000  # draws of the bootstrap
    seed: int = 0


@dataclass(frozen=True)
class ScoredRecording:
    """A recording, its reference and the model's text, before any normaliser."""

    name: str
    speaker: str | None
    seconds: float
    reference: str
    text: str


@dataclass(frozen=True)
class ArtifactResult:
    """One artifact's results on a test set."""

    artifact: Artifact
    provider: str  # as the engine names it
    recordings: tuple[ScoredRecording, ...]
    bad_rows: tuple[BadRow, ...]  # not scored
    too_short: int  # recordings without a frame: their texts are empty by definition
    rates: tuple[ErrorRates, ...]  # one a normaliser
    audio_seconds: float
    processing_seconds: float

    @property
    def rtfx(self) -> float | None:
        """Seconds of audio in a second of processing, text included: the inverse RTF."""
        spent = self.processing_seconds
        return self.audio_seconds / spent if spent and self.recordings else None

    @property
    def speakers(self) -> int:
        """Number of known speakers."""
        return len({one.speaker for one in self.recordings if one.speaker is not None})


@dataclass(frozen=True)
class EvaluationReport:
    """Results of a package on a test set."""

    folder: Path  # the package's
    manifest: Manifest  # in the evaluated language
    dataset: str
    language: str | None
    results: tuple[ArtifactResult, ...]
    skipped: tuple[BadRow, ...]  # artifacts that were not evaluated, and the reason
    failed: tuple[BadRow, ...]  # artifacts that could not be evaluated

    @property
    def bad_rows(self) -> tuple[BadRow, ...]:
        """Rows that some artifact could not be scored on, each once."""
        return tuple(dict.fromkeys(row for one in self.results for row in one.bad_rows))

    @property
    def is_complete(self) -> bool:
        """True if every row was scored on every artifact that was asked for."""
        return bool(self.results) and not self.bad_rows and not self.failed


def evaluate(
    package: str | os.PathLike[str],
    samples: SampleSet | str | os.PathLike[str],
    plan: EvaluationPlan = EvaluationPlan(),
    step: Step = lambda _, __: None,
) -> EvaluationReport:
    """Measure a package's error rates on a test set.

    Args:
        package: a folder, or the name of a shipped model.
        samples: a ``SampleSet``, or the path of its manifest, folder or dataset.
        plan: artifacts, normalisers and measures.
        step: called with the artifact's file and the number of rows done.

    Returns:
        The report. Rows that cannot be read are in it, counted and not scored.

    Raises:
        InputError: the manifest cannot be read, or has no row.
        MissingDependencyError: jiwer, or a normaliser's package, is not installed.
        VoxportError: the package is broken or has no fitting artifact.

    Examples:
        >>> from voxport.evaluation.evaluate import evaluate
        >>> report = evaluate("commands", "models/commands/samples")
        >>> report.results[0].recordings
        ()
        >>> report.bad_rows[0].reason
        'there is no follow-forward.txt beside it'
    """
    test_set = samples if isinstance(samples, SampleSet) else SampleSet(Path(samples))
    folder = find_package(package)
    manifest = choose_language(folder, read_manifest(folder), plan.language)
    require_transcripts(folder, manifest)
    normalizers = plan.normalizers or default_normalizers(manifest.model)
    for name in normalizers:
        find_normalizer(name)  # say that it is missing before a model is run
    chosen, skipped = _choose(folder, manifest, plan)
    results: list[ArtifactResult] = []
    failed: list[BadRow] = []
    for artifact in chosen:
        try:
            results.append(_evaluate(folder, artifact, test_set, plan, normalizers, step))
        except InputError:
            raise
        except VoxportError as error:
            if len(chosen) == 1:
                raise
            failed.append(BadRow(artifact.path, str(error)))
    return EvaluationReport(
        folder, manifest, test_set.name, plan.language, tuple(results), skipped, tuple(failed)
    )


def default_normalizers(model: ModelInfo) -> tuple[str, ...]:
    """Return the normalisers of a model: the leaderboard's is for English labels only."""
    letters = "".join(model.labels).replace("▁", "")
    return NORMALIZERS if letters.isascii() else (PLAIN,)


def _choose(
    folder: Path, manifest: Manifest, plan: EvaluationPlan
) -> tuple[list[Artifact], tuple[BadRow, ...]]:
    """Return the artifacts to evaluate, and the programs nobody named."""
    fitting = fitting_artifacts(folder, manifest, plan.kinds, plan.precisions)
    named = [item for item in fitting if item.kind not in PROGRAMS or item.kind in plan.kinds]
    if not named:
        raise unavailable_error(folder, manifest, " or ".join(plan.precisions))
    reason = "it is a program: name it with --artifact if you trust its author"
    return named, tuple(BadRow(item.path, reason) for item in fitting if item not in named)


def _evaluate(
    folder: Path,
    artifact: Artifact,
    test_set: SampleSet,
    plan: EvaluationPlan,
    normalizers: Sequence[str],
    step: Step,
) -> ArtifactResult:
    recognizer = load(
        folder,
        plan.provider,
        artifact.kind,
        artifact.precision,
        plan.threads,
        decoder=plan.decoder,
        isolate=plan.isolate,
        language=plan.language,
    )
    timed = TimedTranscription(recognizer)
    heard: list[Heard] = []
    bad: list[BadRow] = []
    for done, row in enumerate(timed.run(test_set), 1):
        if isinstance(row, Heard):
            heard.append(row)
        else:
            bad.append(row)
        step(artifact.path, done)
    if not heard and not bad:
        raise InputError("has no row", test_set.path)
    groups = list(_groups(heard))
    rates = (
        measure(
            [one.sample.text for one in heard],
            [one.text for one in heard],
            name,
            groups,
            plan.resamples,
            plan.seed,
        )
        for name in normalizers
    )
    return ArtifactResult(
        artifact=artifact,
        provider=recognizer.provider,
        recordings=tuple(map(_scored, heard)),
        bad_rows=tuple(bad),
        too_short=sum(one.is_too_short for one in heard),
        rates=tuple(rates),
        audio_seconds=sum(one.seconds for one in heard),
        processing_seconds=timed.processing_seconds,
    )


def _groups(heard: Sequence[Heard]) -> Iterator[str | int]:
    """Yield each recording's speaker, or a number of its own where that is unknown."""
    for number, one in enumerate(heard):
        yield number if one.sample.speaker is None else one.sample.speaker


def _scored(heard: Heard) -> ScoredRecording:
    sample = heard.sample
    return ScoredRecording(sample.name, sample.speaker, heard.seconds, sample.text, heard.text)
