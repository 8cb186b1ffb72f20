"""``verify``: a check that a package is whole and answers as it did where it was made.

First every file is hashed again, then the golden clips (or other recordings, against a reference)
go through every artifact that can run on this machine. Needs no torch unless an artifact or the
reference does. Knows nothing of the report's display.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxport.audio.recording import read_clip
from voxport.backends.contract import Backend
from voxport.backends.engines import UnnamedError
from voxport.backends.isolation import Isolation, as_isolation
from voxport.backends.open import open_artifact
from voxport.backends.providers import Provider, torchscript_refusal
from voxport.errors import (
    AudioError,
    InputError,
    MissingDependencyError,
    PackageError,
    VerificationError,
    accessing,
)
from voxport.package import integrity
from voxport.package.find import find_package
from voxport.package.languages import choose_language
from voxport.package.manifest import (
    FILE_NAME,
    KINDS,
    PROGRAMS,
    SIGNATURE_NAME,
    Artifact,
    ArtifactKind,
    GoldenClip,
    Manifest,
    ModelInfo,
    QualityGate,
)
from voxport.package.read_manifest import read_manifest
from voxport.signing.signature import read_signed_manifest
from voxport.signing.trust import TrustInput, as_trusted
from voxport.verification.answers import compare_answers, values_shape
from voxport.verification.comparison import (
    Answer,
    Check,
    Expected,
    ExpectedAnswer,
    ExpectedFeatures,
    compare,
    compare_features,
    compare_texts,
)
from voxport.verification.golden_files import read_array, read_waveform
from voxport.verification.references import ReferenceClip, find_reference


@dataclass(frozen=True)
class Skipped:
    """An artifact left out, and the reason."""

    artifact: str
    reason: str


@dataclass(frozen=True)
class VerificationReport:
    """Result of ``verify``: damaged and unlisted files, comparisons, artifacts left out."""

    files: int  # hashed
    damaged: tuple[str, ...] = ()  # a message each; with any, nothing was run
    unlisted: tuple[str, ...] = ()  # files missing from the manifest: a warning
    checks: tuple[Check, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def ok(self) -> bool:
        """True if no file is damaged and every comparison, of at least one, is equal."""
        return not self.damaged and bool(self.checks) and all(check.ok for check in self.checks)


def verify(
    package: str | os.PathLike[str],
    against: str | None = None,
    audio: Sequence[Path] = (),
    provider: Provider | str = "cpu",
    artifacts: Sequence[ArtifactKind | str] | None = None,
    isolate: bool | Isolation = False,
    language: str | None = None,
    trusted: TrustInput | None = None,
) -> VerificationReport:
    """Check that a package is whole and answers as it should.

    Args:
        package: a folder, or the name of a shipped model.
        against: the name of an installed reference ("eager" with ``voxport[export]``); None: the
            golden clips are compared with the answers recorded in the package.
        audio: recordings for the reference to answer, instead of the golden clips.
        provider: the execution provider, as in ``load``.
        artifacts: the kinds to run, "onnx", "torchscript" and "exported-program"; None: all. A
            TorchScript file is a program that can read and write your files: unnamed, one that
            holds more than the exporter writes is left out, and so is every exported program.
        isolate: run each artifact in a process of its own, as in ``load``.
        language: of a package with several; None: each of them.
        trusted: signers, as in ``load``; the signature is checked before anything else.

    Returns:
        The report; artifacts left out are in ``skipped``, with the reason. A difference found is a
        result, not an error: see ``VerificationReport.ok``.

    Raises:
        PackageError: there is no package, or its manifest is broken.
        SignatureError: it is signed by nobody trusted, or its files are not the signed ones.
        VerificationError: no comparison is possible: ``audio`` without ``against``, an unknown
            reference, or no golden clips.
        ProviderUnavailableError: the provider cannot run here.

    Examples:
        >>> from voxport.verification.verify import verify
        >>> verify("commands").ok
        True
    """
    if unknown := [kind for kind in artifacts or () if kind not in KINDS]:
        raise InputError(f"unknown artifact {unknown[0]!r}: expected {' or '.join(KINDS)}")
    if audio and against is None:
        raise VerificationError("only a reference knows the right answer for other recordings")
    isolation = as_isolation(isolate)
    signers = None if trusted is None else as_trusted(trusted)
    folder = find_package(package)
    manifest = read_manifest(folder) if signers is None else read_signed_manifest(folder, signers)
    damaged = tuple(_damaged(folder, manifest))
    unlisted = tuple(_unlisted(folder, manifest))
    files = 1 + len(manifest.entries())
    if damaged:
        return VerificationReport(files, damaged, unlisted)
    checks: list[Check] = []
    skipped: list[Skipped] = []
    for one in _languages(folder, manifest, language):
        try:
            golden = [] if audio else _golden(folder, one)
        except PackageError as error:  # whole files that are not what the manifest describes
            return VerificationReport(files, (str(error),), unlisted)
        expected = _expected(folder, one, against, audio, golden)
        for artifact in one.artifacts:
            if reason := _reason_to_skip(artifact, provider, artifacts):
                skipped.append(Skipped(artifact.path, reason))
                continue
            try:
                backend = open_artifact(
                    folder,
                    artifact,
                    provider,
                    model=one.model,
                    is_named=artifacts is not None,
                    isolation=isolation,
                )
                if one.head is not None:
                    checks += _run_task(backend, artifact, one, expected)
                    continue
                gate = one.gate_of(artifact)
                checks += _run(backend, artifact, gate, expected, is_golden=not audio)
            except UnnamedError as error:
                skipped.append(Skipped(artifact.path, error.reason))
            except MissingDependencyError as error:
                skipped.append(Skipped(artifact.path, str(error)))
    return VerificationReport(files, (), unlisted, tuple(checks), tuple(skipped))


def _languages(folder: Path, manifest: Manifest, language: str | None) -> list[Manifest]:
    """Return the manifest of each language to verify."""
    if language is None and manifest.languages:
        return [manifest.in_language(one) for one in manifest.languages]
    return [choose_language(folder, manifest, language)]


def _reason_to_skip(artifact: Artifact, provider: str, kinds: Sequence[str] | None) -> str | None:
    if artifact.kind in PROGRAMS and (reason := torchscript_refusal(provider)):
        return reason
    if kinds is None or artifact.kind in kinds:
        return None
    return f"only {' and '.join(kinds)} was asked for"


def _damaged(folder: Path, manifest: Manifest) -> list[str]:
    problems: list[str] = []
    for entry in manifest.entries():
        try:
            integrity.check_file(folder, entry)
        except PackageError as error:
            problems.append(str(error))
    return problems


def _unlisted(folder: Path, manifest: Manifest) -> list[str]:
    listed = {FILE_NAME, SIGNATURE_NAME, *(entry.path for entry in manifest.entries())}
    with accessing(folder, PackageError):
        return sorted(path.name for path in folder.iterdir() if path.name not in listed)


def _run(
    backend: Backend,
    artifact: Artifact,
    gate: QualityGate | None,
    expected: Sequence[Answer],
    is_golden: bool,
) -> list[Check]:
    """Check an artifact; a low-precision one by its quality gate, other recordings by their text.

    ``is_golden``: the recordings are the package's own, whose emissions have a limit.
    """
    limit = None
    if gate is not None:
        limit = gate.difference_limit if is_golden else math.inf
    checks: list[Check] = []
    pairs: list[tuple[str, str]] = []
    for item in expected:
        if isinstance(item, Expected):
            checks += compare(artifact.path, backend, [item], limit=limit)
            pairs.append((item.transcript, checks[-1].transcript))
        elif isinstance(item, ExpectedFeatures) and artifact.features:
            checks += compare_features(artifact.path, backend, [item], len(artifact.features))
    if gate is not None:
        checks.append(compare_texts(artifact.path, pairs, gate))
    return checks


def _run_task(
    backend: Backend, artifact: Artifact, manifest: Manifest, expected: Sequence[Answer]
) -> list[Check]:
    """Check an artifact whose task is not transcription."""
    activation = manifest.head.activation if manifest.head else ""
    return [
        check
        for item in expected
        if isinstance(item, ExpectedAnswer)
        for check in compare_answers(artifact.path, backend, manifest.model, activation, [item])
    ]


def _expected(
    folder: Path,
    manifest: Manifest,
    against: str | None,
    audio: Sequence[Path],
    golden: list[Answer],
) -> list[Answer]:
    """Return the golden answers, or a reference's on the recordings."""
    if not golden and not audio:
        raise VerificationError(
            "holds no golden clips: give recordings and a reference "
            "(--against eager --audio FILE_OR_DIR)",
            folder,
        )
    if against is None:
        return golden
    rate = manifest.model.sample_rate
    recordings = [ReferenceClip(str(path), read_clip(path, rate).waveform) for path in audio]
    _require_lengths(recordings, manifest)
    for item in golden:  # a package with transcripts and features has one of them twice
        if not isinstance(item, ExpectedFeatures) or not manifest.model.transcribes:
            recordings.append(ReferenceClip(item.name, item.waveform))
    answers = list(find_reference(against)(manifest, recordings))
    kinds = (manifest.model.transcribes, manifest.features is not None, manifest.head is not None)
    if len(answers) != len(recordings) * sum(kinds):
        raise VerificationError(
            f"the reference {against!r} gave {len(answers)} answers "
            f"for {len(recordings)} recordings"
        )
    return answers


def _require_lengths(recordings: Sequence[ReferenceClip], manifest: Manifest) -> None:
    """Refuse recordings that are too short for an answer of the model's task."""
    for one in recordings if manifest.head is not None else ():
        if manifest.head is not None and len(one.waveform) < manifest.head.least_samples:
            least = manifest.head.least_samples / manifest.model.sample_rate
            raise AudioError(f"is shorter than the {least:.3f} s that an answer takes", one.name)


def _golden(folder: Path, manifest: Manifest) -> list[Answer]:
    """Read the package's recorded answers; of features, for one recording."""
    answers: list[Answer] = [_golden_clip(folder, clip, manifest.model) for clip in manifest.golden]
    if manifest.features is not None:
        features, clip = manifest.features, manifest.features.golden
        waveform = read_waveform(folder, clip, manifest.model.sample_rate)
        layers = read_array(folder, clip.values, (features.layers, clip.frames, features.width))
        answers.append(ExpectedFeatures(clip.path, waveform, layers))
    if manifest.head is not None:
        for clip in manifest.head.golden:
            waveform = read_waveform(folder, clip, manifest.model.sample_rate)
            values = read_array(folder, clip.values, values_shape(clip.frames, manifest.head))
            answers.append(ExpectedAnswer(clip.path, waveform, values, clip.label))
    return answers


def _golden_clip(folder: Path, clip: GoldenClip, model: ModelInfo) -> Expected:
    return Expected(
        name=clip.path,
        waveform=read_waveform(folder, clip, model.sample_rate),
        emission=read_array(folder, clip.emission, (clip.frames, len(model.labels))),
        transcript=clip.transcript,
        tokens=clip.tokens,
        starts=clip.token_starts,
        ends=clip.token_ends,
    )
