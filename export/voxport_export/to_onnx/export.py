"""Export the graph to ONNX through ``torch.onnx.export(dynamo=True)`` and finish it.

Finishing names the free dimensions, drops the exporter's debugging notes (they hold source paths of
the machine), closes scans, splits attention and large joins, appends the transcript and prepends
the resampling. Works on ``onnx_ir``'s lazy model: weights over protobuf's 2 GB never pass through
one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir
import torch
from torch import Tensor

from voxport.backends.contract import LABEL
from voxport.package.manifest import TensorSpec
from voxport_export.graph import block_operators, contract
from voxport_export.graph.features import FeatureGraph, Graph
from voxport_export.graph.heads import HeadGraph
from voxport_export.precisions import quantize_operators
from voxport_export.quiet import quiet_onnx_exporter
from voxport_export.to_onnx.block_attention import block_attention
from voxport_export.to_onnx.close_scans import close_scans
from voxport_export.to_onnx.label import INDEX, name_label
from voxport_export.to_onnx.resample import add_sample_rate
from voxport_export.to_onnx.split_concats import split_concats
from voxport_export.to_onnx.transcript import TRANSCRIPT, append_transcript

OPSET = 20  # the first with StringConcat and Gelu
# A protobuf message holds less than 2 GiB; keep a margin for the graph itself.
EXTERNAL_DATA_BYTES = 2**31 - 2**26


def export_onnx(
    graph: Graph,
    example: tuple[Tensor, Tensor],
    pieces: list[str],
    sample_rate: int,
    path: Path,
) -> bool:
    """Export ``graph`` to one ONNX file with resampling and, for a recognizer, the transcript.

    Weights of more than about 2 GB go to ``<name>.data`` beside it.

    Args:
        graph: in evaluation mode, on the CPU.
        example: waveform (B, S) and lengths (B,), B at least 2.
        pieces: text of each label in a transcript, or as an answer.
        sample_rate: the model's own, Hz.
        path: the file to write.

    Returns:
        True if attention over long recordings runs in blocks.
    """
    outputs = contract.graph_outputs(graph, len(pieces))
    names = [INDEX if s.name == LABEL else s.name for s in outputs if s.name != TRANSCRIPT]
    batch = torch.export.Dim("batch")
    # Not "samples": after resampling the model's samples are not the input's.
    shapes = {"waveform": {0: batch, 1: torch.export.Dim("heard")}, "lengths": {0: batch}}
    with torch.no_grad(), quiet_onnx_exporter():
        program = torch.onnx.export(
            graph,
            example,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            input_names=list(shapes),
            output_names=names,
            custom_translation_table=quantize_operators.TRANSLATION | block_operators.TRANSLATION,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model
    _strip_notes(model)
    _free_output_names(model)
    _name_dimensions(model, outputs)
    close_scans(model)
    is_in_blocks = block_attention(model)
    split_concats(model)
    if isinstance(graph, HeadGraph):
        name_label(model, pieces)
    elif not isinstance(graph, FeatureGraph):
        append_transcript(model, pieces)
    add_sample_rate(model, sample_rate)
    is_large = _weight_bytes(model) > EXTERNAL_DATA_BYTES
    ir.save(model, path, external_data=f"{path.name}.data" if is_large else None)
    return is_in_blocks


def _weight_bytes(model: ir.Model) -> int:
    """Return the bytes of all initializers, also in the bodies of loops."""
    graphs = (model.graph, *model.graph.subgraphs())
    values = (value.const_value for graph in graphs for value in graph.initializers.values())
    return sum(value.nbytes for value in values if value is not None)


def _strip_notes(model: ir.Model) -> None:
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _free_output_names(model: ir.Model) -> None:
    """Rename values inside the graph that have the name of an output.

    The exporter names values after operators, such as ``embedding``, and outputs as it is told.
    """
    outputs = {value.name: value for value in model.graph.outputs}
    for node in model.graph.all_nodes():
        for value in node.outputs:
            if value.name in outputs and value is not outputs[value.name]:
                value.name = f"{value.name}_inside"


def _name_dimensions(model: ir.Model, outputs: Sequence[TensorSpec]) -> None:
    shapes = {spec.name: spec.shape for spec in (*contract.INPUTS, *outputs)}
    shapes[INDEX] = ("batch",)
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.shape = ir.Shape(shapes[str(value.name)])
