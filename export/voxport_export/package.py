"""Export a model to a package: graph, artifacts, parity, golden clips, card, manifest."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from voxport.comparison import Expected
from voxport.hashing import file_entry
from voxport.loading import open_artifact
from voxport.manifest import FILE_NAME, KINDS, Artifact, Manifest, ModelInfo, Parity
from voxport_export import specs
from voxport_export.card import write_card
from voxport_export.eager import ask
from voxport_export.errors import ExportError
from voxport_export.golden import at_rate, read_files, write_golden
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.onnx_graph import export_onnx
from voxport_export.parity import measure
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
        graph = RecognizerGraph(
            source.model,
            blank=source.blank,
            normalize_eps=source.normalize_eps,
            log_probs=source.log_probs,
        )
    field = graph.backbone.receptive_field
    with step("Asking eager torchaudio"):
        recordings = at_rate(files, source.sample_rate)
        expected = [ask(source, one, field) for one in recordings]
    if not any(len(one.emission) for one in expected):
        raise ExportError(
            f"the recordings are too short to compare on: none has the {field} "
            f"samples at {source.sample_rate} Hz that make a frame"
        )
    job = _Job(source, graph, expected, options, step)
    with staged(output) as folder:
        artifacts, parity = zip(
            *(job.export(kind, folder) for kind in options.formats), strict=True
        )
        manifest = Manifest(
            created_by={name: _version(name) for name in _TOOLS},
            model=_describe(source, graph),
            artifacts=artifacts,
            parity=parity,
            golden=write_golden(folder, expected, source.sample_rate),
        )
        return _finish(manifest, folder)


@dataclass(frozen=True)
class _Job:
    """What every artifact of a package is made of and compared with."""

    source: Source
    graph: RecognizerGraph
    expected: Sequence[Expected]
    options: Options
    step: Step

    def export(self, kind: str, folder: Path) -> tuple[Artifact, Parity]:
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
            outputs=specs.outputs(len(self.source.labels)),
            external_data=(file_entry(data),) if data.exists() else (),
        )
        with self.step(f"Reloading {path.name} and comparing it with eager torchaudio"):
            backend = open_artifact(folder, artifact, provider="cpu")
            parity = measure(path.name, backend, self.expected, self.source.sample_rate)
        return artifact, parity


def _example(graph: RecognizerGraph) -> tuple[Tensor, Tensor]:
    """Noise to trace with: two rows of 40 receptive fields, one of them half as long."""
    samples = 40 * graph.backbone.receptive_field
    noise = torch.randn(2, samples, generator=torch.Generator().manual_seed(0))
    return noise, torch.tensor([samples, samples // 2])


def _describe(source: Source, graph: RecognizerGraph) -> ModelInfo:
    return ModelInfo(
        name=source.name,
        source=source.origin,
        licence=source.licence,
        labels=source.labels,
        blank=source.blank,
        word_delimiter=source.word_delimiter,
        sample_rate=source.sample_rate,
        frame_stride=graph.backbone.frame_stride,
        receptive_field=graph.backbone.receptive_field,
        normalize_waveform=source.normalize_eps is not None,
        emission="log_probs" if source.log_probs else "logits",
        parameters=source.parameters,
    )


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
