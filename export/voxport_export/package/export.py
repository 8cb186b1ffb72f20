"""Export of a model to a package: artifacts, parity, golden clips, card and manifest."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from voxport.backends.contract import Backend
from voxport.backends.open import open_artifact
from voxport.package.integrity import file_entry
from voxport.package.manifest import (
    FILE_NAME,
    FP32,
    ONNX,
    Artifact,
    BlankGate,
    FeatureInfo,
    FeatureParity,
    HeadInfo,
    HeadParity,
    LanguageModelInfo,
    Manifest,
    ModelInfo,
    Parity,
    QualityGate,
)
from voxport.verification.comparison import Expected, ExpectedAnswer, ExpectedFeatures
from voxport.verification.references import ReferenceClip
from voxport_export.errors import ExportError, LowPrecisionError
from voxport_export.formats import DEFAULT_FORMATS
from voxport_export.graph.backbone import Backbone
from voxport_export.graph.features import Graph
from voxport_export.graph.heads import HeadGraph
from voxport_export.package.artifact import build_graph, file_name, write_artifact
from voxport_export.package.card import write_card
from voxport_export.package.language_model import write_language_model
from voxport_export.package.low_precision import LowPrecisionWriter
from voxport_export.package.staging import check_destination, staged
from voxport_export.parity.blank_gate import judge_blank
from voxport_export.parity.eager import (
    expected_answer,
    expected_features,
    expected_task_answer,
)
from voxport_export.parity.exact import (
    compare_artifact,
    compare_artifact_answers,
    compare_artifact_features,
)
from voxport_export.parity.golden import (
    read_recordings,
    resample_recordings,
    write_golden,
    write_golden_answers,
    write_golden_features,
)
from voxport_export.parity.low_precision import LowPrecisionLimits
from voxport_export.precisions import LOW_PRECISIONS
from voxport_export.sources.language_model import CheckpointLanguageModel
from voxport_export.sources.overrides import Overrides
from voxport_export.sources.resolve import resolve
from voxport_export.sources.shipped import sample_recordings
from voxport_export.sources.source import Source

_CARD = "README.md"
_TOOLS = ("voxport", "torch", "torchaudio", "onnx", "onnxscript")

# Called with a line of text at each long step; returns the context that the step runs in
ProgressStep = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Options:
    """Options of an export: formats, precisions, recordings and limits."""

    formats: tuple[str, ...] = DEFAULT_FORMATS  # each once
    precisions: tuple[str, ...] = (FP32,)  # each once; low ones in ONNX only
    features: bool = False  # artifacts give the transformer layers' outputs too
    audio: tuple[Path, ...] = ()  # recordings to compare on and keep; default: voxport's own
    calibrate: tuple[Path, ...] = ()  # to calibrate and judge low precisions; default: `audio`
    max_cer: float = 0.01  # the largest loss of a low precision, against float32's transcripts
    force: bool = False  # write what a gate refuses: a low precision, or the blank
    allow_unused: bool = False  # leave out weights of a checkpoint that its model does not use
    blank: str | None = None  # the blank, a label or its index; None: as the source's files say
    normalize: bool | None = None  # the waveform; None: as the source's files say
    language_model: bool = True  # put the checkpoint's language model into the package

    @property
    def low_precisions(self) -> tuple[str, ...]:
        """The precisions measured against float32."""
        return tuple(name for name in self.precisions if name != FP32)

    @property
    def overrides(self) -> Overrides:
        """The facts stated in place of the source's files."""
        return Overrides(self.blank, self.normalize)


def export_package(
    model: str,
    output: Path,
    options: Options = Options(),
    step: ProgressStep = lambda _: nullcontext(),
) -> Manifest:
    """Export ``model`` to the folder ``output``.

    Args:
        model: a name, an id or a folder, as ``sources.resolve`` takes.
        output: the package's folder; an earlier package there is replaced at the very end.
        options: formats, precisions, recordings and limits.
        step: called with a line of text at each long step; returns the context it runs in.

    Returns:
        The manifest as written.

    Raises:
        BlankError: the blank is not the most frequent label, as a trained model's is.
        LowPrecisionError: a low precision loses too much or is not faster. With fp32 among the
            precisions the rest of the package is written.
        VoxportError: the source, the recordings or the destination are unfit, or an artifact
            differs from the eager model; nothing is written then.
    """
    check_destination(output)
    writer = prepare_package(model, options, step)
    with staged(output) as folder:
        written = writer.write(folder)
    written.raise_refusals(output)
    return written.manifest


def prepare_package(model: str, options: Options, step: ProgressStep) -> PackageWriter:
    """Load a model and run it on the recordings; the arguments are ``export_package``'s."""
    files = read_recordings(options.audio or sample_recordings())
    calibration = read_recordings(options.calibrate) if options.calibrate else files
    with step(f"Loading {model}"):
        source = resolve(model, options.allow_unused, options.overrides)
        source = source.without_answers() if options.features else source
        graph = build_graph(source, options.features)
        _check_low_precisions(source, graph.backbone, options)
        reads = source.transcribes and options.language_model
        language_model = source.read_language_model() if reads else None
    field = graph.backbone.receptive_field
    least = graph.least_samples if isinstance(graph, HeadGraph) else field
    recordings = resample_recordings(files, source.sample_rate)
    if not any(len(one.waveform) >= least for one in recordings):
        raise ExportError(
            f"the recordings are too short to compare on: none has the {least} "
            f"samples at {source.sample_rate} Hz that make "
            f"{'a frame' if least == field else 'an answer'}"
        )
    with step(f"Asking {source.reference_name}"):
        asked = recordings if source.transcribes else ()
        expected = [expected_answer(source, one, field) for one in asked]
        blank_gate = judge_blank(source, expected, options.force)
        asked = recordings if options.features else ()
        features = [expected_features(source, one, field) for one in asked]
        asked = recordings if source.answers is not None else ()
        answers = [expected_task_answer(source, one) for one in asked if len(one.waveform) >= least]
    spoken = resample_recordings(calibration, source.sample_rate)
    return PackageWriter(
        source,
        graph,
        expected,
        features,
        spoken,
        blank_gate,
        options,
        step,
        answers,
        language_model,
    )


def _check_low_precisions(source: Source, backbone: Backbone, options: Options) -> None:
    """Refuse low precisions that cannot be made or judged, before any work is done."""
    for name in options.low_precisions:
        if ONNX not in options.formats:
            raise ExportError(f"{name} is written as ONNX only: leave --format out or add onnx")
        if source.answers is not None:
            raise ExportError(
                f"{name} is judged by its transcripts, and {source.name} is a model for "
                f"{source.task}: export it in fp32"
            )
        if not source.transcribes:
            raise ExportError(
                f"{name} is judged by its transcripts, and {source.name} has no CTC head"
            )
        if reason := LOW_PRECISIONS[name].refuse(backbone):
            raise ExportError(f"{source.name}: {reason}")


def _discard(path: str, folder: Path) -> None:
    """Remove an artifact, with its weights if they lie beside it."""
    for name in (path, f"{path}.data"):
        (folder / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class WrittenPackage:
    """A package as written, and the refusals of its missing low precisions."""

    manifest: Manifest
    refusals: tuple[ExportError, ...] = ()

    def raise_refusals(self, output: Path) -> None:
        """Raise the refusals as one error; by then the rest is in ``output``."""
        if self.refusals:
            reasons = "; ".join(map(str, self.refusals))
            written = ", ".join(one.path for one in self.manifest.artifacts)
            raise LowPrecisionError(f"{reasons}; {output} holds the rest: {written}")


@dataclass(frozen=True)
class PackageWriter:
    """Writer of a package: the model's graph, and the answers its artifacts are compared with."""

    source: Source
    graph: Graph
    expected: Sequence[Expected]  # none without a head
    features: Sequence[ExpectedFeatures]  # none where they were not asked for
    spoken: Sequence[ReferenceClip]  # to calibrate and to judge low precisions
    blank_gate: BlankGate | None
    options: Options
    step: ProgressStep
    answers: Sequence[ExpectedAnswer] = ()  # none where the task is transcription
    language_model: CheckpointLanguageModel | None = None

    def write(self, folder: Path) -> WrittenPackage:
        """Write the package into ``folder``, every artifact compared."""
        kinds = self.options.formats if FP32 in self.options.precisions else (ONNX,)
        exported = [self._export_artifact(kind, folder) for kind in kinds]
        low, refusals = self._export_low_precisions(exported[0].artifact, folder)
        if FP32 not in self.options.precisions:  # it was there to be compared with
            _discard(exported.pop().artifact.path, folder)
        manifest = Manifest(
            created_by={name: _version(name) for name in _TOOLS},
            model=self._model,
            artifacts=(*(one.artifact for one in exported), *(artifact for artifact, _ in low)),
            parity=tuple(one.parity for one in exported if one.parity),
            golden=write_golden(folder, self.expected, self.source.sample_rate),
            features=self._describe_features(exported, folder),
            gates=tuple(gate for _, gate in low),
            blank_gate=self.blank_gate,
            head=self._describe_head(exported, folder),
            language_model=self._write_language_model(folder),
        )
        return WrittenPackage(_write_manifest(manifest, folder), refusals)

    def _write_language_model(self, folder: Path) -> LanguageModelInfo | None:
        if self.language_model is None:
            return None
        with self.step("Copying the language model"):
            return write_language_model(self.language_model, folder, self.source.licence)

    def _export_artifact(self, kind: str, folder: Path) -> _Exported:
        """Write one artifact into ``folder``, open it again and compare it with the eager model."""
        path = file_name(kind)
        with self.step(f"Exporting {path}"):
            artifact = write_artifact(self.graph, self.source, folder, kind)
        with self.step(f"Reloading {path} and comparing it with {self.source.reference_name}"):
            return self._compare(artifact, open_artifact(folder, artifact, provider="cpu"))

    def _compare(self, artifact: Artifact, backend: Backend) -> _Exported:
        parity, features, head = None, None, None
        facts = (self.source.sample_rate, self.source.reference_name)
        if self.expected:
            parity = compare_artifact(artifact.path, backend, self.expected, *facts)
        if self.features:
            features = compare_artifact_features(artifact.path, backend, self.features, *facts)
        if self.answers and self.source.answers is not None:
            head = compare_artifact_answers(
                artifact.path,
                backend,
                self._model,
                self.source.answers.activation,
                self.answers,
                self.source.reference_name,
            )
        return _Exported(artifact, parity, features, head)

    @property
    def _model(self) -> ModelInfo:
        return _describe_model(self.source, self.graph.backbone, self.options.overrides)

    def _export_low_precisions(
        self, fp32: Artifact, folder: Path
    ) -> tuple[list[tuple[Artifact, QualityGate]], tuple[ExportError, ...]]:
        """Write the low-precision artifacts and judge each on the calibration recordings."""
        if not self.options.low_precisions:
            return [], ()
        answers = self.expected
        if self.options.calibrate:
            name = self.source.reference_name
            with self.step(f"Asking {name} about the recordings to calibrate on"):
                field = self.graph.backbone.receptive_field
                answers = [expected_answer(self.source, one, field) for one in self.spoken]
        limits = LowPrecisionLimits(self.options.max_cer, self.options.force)
        writer = LowPrecisionWriter(self.source, answers, fp32, limits, self.step)
        low: list[tuple[Artifact, QualityGate]] = []
        refusals: list[ExportError] = []
        for name in self.options.low_precisions:
            try:
                low.append(writer.write(name, folder))
            except ExportError as error:
                if FP32 not in self.options.precisions:
                    raise
                refusals.append(error)
                _discard(file_name(ONNX, name), folder)
        return low, tuple(refusals)

    def _describe_features(self, exported: Sequence[_Exported], folder: Path) -> FeatureInfo | None:
        """Write the golden features into ``folder`` and describe the measurements."""
        if not self.features:
            return None
        return FeatureInfo(
            layers=self.graph.backbone.layers,
            width=self.graph.backbone.width,
            golden=write_golden_features(folder, self.features, self.source.sample_rate),
            parity=tuple(one.features for one in exported if one.features),
        )

    def _describe_head(self, exported: Sequence[_Exported], folder: Path) -> HeadInfo | None:
        """Write the golden answers into ``folder`` and describe the measurements."""
        if not isinstance(self.graph, HeadGraph):
            return None
        return HeadInfo(
            activation=self.graph.head.activation,
            width=self.graph.head.width,
            least_samples=self.graph.least_samples,
            golden=write_golden_answers(folder, self.answers, self.source.sample_rate),
            parity=tuple(one.head for one in exported if one.head),
        )


@dataclass(frozen=True)
class _Exported:
    """An artifact with its measurements."""

    artifact: Artifact
    parity: Parity | None
    features: FeatureParity | None
    head: HeadParity | None


def _describe_model(source: Source, backbone: Backbone, overrides: Overrides) -> ModelInfo:
    return ModelInfo(
        name=source.name,
        source=source.origin,
        licence=source.licence,
        labels=source.labels,
        blank=source.blank,
        word_delimiter=source.word_delimiter,
        sample_rate=source.sample_rate,
        frame_stride=backbone.frame_stride,
        receptive_field=backbone.receptive_field,
        normalize_waveform=source.normalize_eps is not None,
        emission=_emission_kind(source),
        parameters=source.parameters,
        unused_weights=source.unused_weights,
        notes=source.notes,
        overrides=overrides.to_texts(),
        task=source.task,
        vocabulary=source.vocabulary,
    )


def _emission_kind(source: Source) -> str:
    if not source.transcribes:
        return "none"
    return "log_probs" if source.log_probs else "logits"


def _write_manifest(manifest: Manifest, folder: Path) -> Manifest:
    """Write the card, then the manifest with the card listed."""
    card = folder / _CARD
    card.write_text(write_card(manifest), encoding="utf-8")
    finished = replace(manifest, files=(file_entry(card),))
    (folder / FILE_NAME).write_text(finished.to_json(), encoding="utf-8", newline="\n")
    return finished


def _version(distribution: str) -> str:
    """Return the installed version without the label of the build ("+cu130")."""
    return importlib.metadata.version(distribution).partition("+")[0]
