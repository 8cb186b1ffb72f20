"""Export a model to a package: graph, artifacts, parity, golden clips, card, manifest."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from voxport.comparison import Expected, ExpectedFeatures
from voxport.feature_info import FeatureInfo, FeatureParity
from voxport.graph import Backend
from voxport.hashing import file_entry
from voxport.loading import open_artifact
from voxport.manifest import FILE_NAME, KINDS, Artifact, Manifest, ModelInfo, Parity
from voxport_export import specs
from voxport_export.card import write_card
from voxport_export.eager import ask, ask_features
from voxport_export.errors import ExportError
from voxport_export.golden import at_rate, read_files, write_golden, write_golden_features
from voxport_export.graph import FeatureGraph, FeatureRecognizerGraph, Graph, RecognizerGraph
from voxport_export.graph.backbone import Backbone
from voxport_export.onnx_graph import export_onnx
from voxport_export.parity import measure, measure_features
from voxport_export.source import Source
from voxport_export.sources.resolve import resolve
from voxport_export.sources.shipped import sample_recordings
from voxport_export.staging import check_destination, staged
from voxport_export.torchscript import export_torchscript

# Each kind of artifact: its file and what writes it
_FORMATS = {"onnx": ("model.onnx", export_onnx), "torchscript": ("model.ts", export_torchscript)}
_CARD = "README.md"
_TOOLS = ("voxport", "torch", "torchaudio", "onnx", "onnxscript")

Step = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Options:
    """How to export."""

    formats: tuple[str, ...] = KINDS  # each once
    precision: str = "fp32"
    features: bool = False  # whether artifacts give the transformer layers' outputs too
    audio: tuple[Path, ...] = ()  # recordings to compare on and keep; default: voxport's own


def export_package(
    model: str,
    output: Path,
    options: Options = Options(),
    step: Step = lambda _: nullcontext(),
) -> Manifest:
    """Export ``model`` to the folder ``output``.

    Args:
        model: a name, an id or a folder, as ``sources.resolve`` takes.
        output: the package's folder; an earlier package there is replaced at the very end.
        options: formats and recordings.
        step: called with a line of text at each long step, gives the context it runs in.

    Returns:
        The manifest that was written.

    Raises:
        VoxportError: the source, the recordings or the destination are unfit, or an artifact
            does not answer as eager torchaudio; nothing is written then.
    """
    check_destination(output)
    files = read_files(options.audio or sample_recordings())
    with step(f"Loading {model}"):
        source = resolve(model)
        graph = _graph(source, options.features)
    field = graph.backbone.receptive_field
    recordings = at_rate(files, source.sample_rate)
    if not any(len(one.waveform) >= field for one in recordings):
        raise ExportError(
            f"the recordings are too short to compare on: none has the {field} "
            f"samples at {source.sample_rate} Hz that make a frame"
        )
    with step("Asking eager torchaudio"):
        asked = recordings if source.transcribes else ()
        expected = [ask(source, one, field) for one in asked]
        asked = recordings if options.features else ()
        features = [ask_features(source, one, field) for one in asked]
    job = _Job(source, graph, expected, features, options, step)
    with staged(output) as folder:
        exported = [job.export(kind, folder) for kind in options.formats]
        manifest = Manifest(
            created_by={name: _version(name) for name in _TOOLS},
            model=_describe(source, graph.backbone),
            artifacts=tuple(one.artifact for one in exported),
            parity=tuple(one.parity for one in exported if one.parity),
            golden=write_golden(folder, expected, source.sample_rate),
            features=job.describe_features(exported, folder),
        )
        return _finish(manifest, folder)


def _graph(source: Source, features: bool) -> Graph:
    """What the artifacts hold: transcripts where there is a head, features where asked for."""
    if not source.transcribes:
        if not features:
            raise ExportError(
                f"{source.name}: the model has no CTC head, so it gives no text: export its "
                "features with --features"
            )
        return FeatureGraph(Backbone(source.model, source.normalize_eps))
    recognizer = RecognizerGraph(
        source.model,
        blank=source.blank,
        normalize_eps=source.normalize_eps,
        log_probs=source.log_probs,
    )
    return FeatureRecognizerGraph(recognizer) if features else recognizer


@dataclass(frozen=True)
class _Job:
    """What every artifact of a package is made of and compared with."""

    source: Source
    graph: Graph
    expected: Sequence[Expected]  # none without a head
    features: Sequence[ExpectedFeatures]  # none where they were not asked for
    options: Options
    step: Step

    def export(self, kind: str, folder: Path) -> _Exported:
        """Write one artifact into ``folder``, open it again and compare it with eager."""
        name, write = _FORMATS[kind]
        path = folder / name
        with self.step(f"Exporting {path.name}"):
            write(self.graph, _example(self.graph), self.source.pieces, path)
        entry, data = file_entry(path), path.with_name(f"{path.name}.data")
        artifact = Artifact(
            path=entry.path,
            bytes=entry.bytes,
            sha256=entry.sha256,
            kind=kind,
            precision=self.options.precision,
            inputs=specs.INPUTS,
            outputs=specs.outputs_of(self.graph, len(self.source.labels)),
            external_data=(file_entry(data),) if data.exists() else (),
        )
        with self.step(f"Reloading {path.name} and comparing it with eager torchaudio"):
            return self._measure(artifact, open_artifact(folder, artifact, provider="cpu"))

    def _measure(self, artifact: Artifact, backend: Backend) -> _Exported:
        parity, features, rate = None, None, self.source.sample_rate
        if self.expected:
            parity = measure(artifact.path, backend, self.expected, rate)
        if self.features:
            features = measure_features(artifact.path, backend, self.features, rate)
        return _Exported(artifact, parity, features)

    def describe_features(self, exported: Sequence[_Exported], folder: Path) -> FeatureInfo | None:
        """Write the golden features into ``folder`` and tell of all that was measured."""
        if not self.features:
            return None
        return FeatureInfo(
            layers=self.graph.backbone.layers,
            width=self.graph.backbone.width,
            golden=write_golden_features(folder, self.features, self.source.sample_rate),
            parity=tuple(one.features for one in exported if one.features),
        )


@dataclass(frozen=True)
class _Exported:
    """An artifact and what was measured on it."""

    artifact: Artifact
    parity: Parity | None
    features: FeatureParity | None


def _example(graph: Graph) -> tuple[Tensor, Tensor]:
    """Noise to trace with: two rows of 40 receptive fields, one of them half as long."""
    samples = 40 * graph.backbone.receptive_field
    noise = torch.randn(2, samples, generator=torch.Generator().manual_seed(0))
    return noise, torch.tensor([samples, samples // 2])


def _describe(source: Source, backbone: Backbone) -> ModelInfo:
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
        emission=_emission(source),
        parameters=source.parameters,
    )


def _emission(source: Source) -> str:
    if not source.transcribes:
        return "none"
    return "log_probs" if source.log_probs else "logits"


def _finish(manifest: Manifest, folder: Path) -> Manifest:
    """Write the card and, last, the manifest that lists it."""
    card = folder / _CARD
    card.write_text(write_card(manifest), encoding="utf-8")
    finished = replace(manifest, files=(file_entry(card),))
    (folder / FILE_NAME).write_text(finished.to_json(), encoding="utf-8", newline="\n")
    return finished


def _version(distribution: str) -> str:
    """The installed version, without the label of the build ("+cu130")."""
    return importlib.metadata.version(distribution).partition("+")[0]
