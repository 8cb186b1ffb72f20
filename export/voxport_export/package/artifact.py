"""Writing one artifact: a model's graph as a file, with its entry for the manifest."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from voxport.package.integrity import file_entry
from voxport.package.manifest import EXPORTED_PROGRAM, FP32, ONNX, TORCHSCRIPT, Artifact, TensorSpec
from voxport_export.errors import ExportError
from voxport_export.graph import contract
from voxport_export.graph.features import FeatureGraph, FeatureRecognizerGraph, Graph
from voxport_export.graph.heads import HeadGraph
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.precisions.fp32 import to_fp32
from voxport_export.sources.source import Source
from voxport_export.to_exported_program import export_exported_program
from voxport_export.to_onnx.export import export_onnx
from voxport_export.to_torchscript import export_torchscript

# Each kind of artifact: its file's ending and its writer
_FORMATS = {
    ONNX: ("onnx", export_onnx),
    TORCHSCRIPT: ("ts", export_torchscript),
    EXPORTED_PROGRAM: ("pt2", export_exported_program),
}

# Receptive fields of noise to trace with: several blocks of time and several segments of the
# positional convolution. Of one alone, the exporter may believe that there always is one.
_TRACED_FIELDS = 120


def file_name(kind: str, precision: str = FP32) -> str:
    """Return the file name of an artifact."""
    ending = _FORMATS[kind][0]
    return f"model.{ending}" if precision == FP32 else f"model.{precision}.{ending}"


def build_graph(source: Source, features: bool) -> Graph:
    """Build the graph of an artifact: transcripts with a CTC head, features on request.

    A model for another task gives its answers, or features alone.

    Raises:
        ExportError: neither: the model has no head, and features were not asked for; or its layers
            do not fit together.
    """
    if source.answers is not None and not features:
        backbone = source.model.build_backbone()
        if source.answers.mix.weights is not None and backbone.features_refusal:
            raise ExportError(
                f"{source.name}: a weighted sum of its layers (use_weighted_layer_sum) is not "
                f"exported: {backbone.features_refusal}"
            )
        return HeadGraph(backbone, source.answers)
    if source.transcribes:
        recognizer = build_recognizer(source)
        if features and (reason := recognizer.backbone.features_refusal):
            raise ExportError(f"{source.name}: its features are not exported: {reason}")
        return FeatureRecognizerGraph(recognizer) if features else recognizer
    if not features:
        raise ExportError(
            f"{source.name}: the model has no CTC head, so it gives no text: export its "
            "features with --features"
        )
    backbone = source.model.build_backbone()
    if backbone.features_refusal:
        raise ExportError(
            f"{source.name}: its features are not exported: {backbone.features_refusal}"
        )
    return FeatureGraph(backbone)


def build_recognizer(source: Source) -> RecognizerGraph:
    """Build the graph of a model with a CTC head."""
    return RecognizerGraph(source.model, blank=source.blank, log_probs=source.log_probs)


def write_artifact(
    graph: Graph, source: Source, folder: Path, kind: str, precision: str = FP32
) -> Artifact:
    """Write ``graph`` into ``folder`` and describe the file."""
    path = folder / file_name(kind, precision)
    if (kind, precision) == (ONNX, FP32):
        graph = to_fp32(graph)
    write = _FORMATS[kind][1]
    is_in_blocks = write(graph, example_input(graph), source.pieces, source.sample_rate, path)
    entry, data = file_entry(path), path.with_name(f"{path.name}.data")
    return Artifact(
        path=entry.path,
        bytes=entry.bytes,
        sha256=entry.sha256,
        kind=kind,
        precision=precision,
        inputs=contract.INPUTS,
        optional_inputs=() if kind == EXPORTED_PROGRAM else contract.OPTIONAL_INPUTS,
        outputs=_outputs(graph, source, kind),
        external_data=(file_entry(data),) if data.exists() else (),
        attention_in_blocks=bool(is_in_blocks),
    )


def _outputs(graph: Graph, source: Source, kind: str) -> tuple[TensorSpec, ...]:
    """Return the outputs of a kind of artifact; an exported program knows no strings."""
    outputs = contract.graph_outputs(graph, len(source.labels))
    return tuple(one for one in outputs if kind != EXPORTED_PROGRAM or one.type != "string")


def example_input(graph: Graph) -> tuple[Tensor, Tensor]:
    """Return noise to trace with, float32 [2, samples], and lengths; one row is half as long."""
    samples = _TRACED_FIELDS * graph.backbone.receptive_field
    noise = torch.randn(2, samples, generator=torch.Generator().manual_seed(0))
    return noise, torch.tensor([samples, samples // 2])
