"""Export the graph to ``.pt2``: an archive of ``torch.export.save``, for torch's newer loaders.

The same graph as TorchScript's, with emission, tokens, times and scores. A program of tensors knows
no strings: the text of each label lies beside it in the archive, and the runtime joins them. It has
no resampling either, whose shapes depend on a number.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from voxport_export.errors import ExportError
from voxport_export.graph.features import FeatureGraph, FeatureRecognizerGraph, Graph
from voxport_export.graph.recognizer import RecognizerGraph

PIECES = "pieces.json"  # name of the labels' texts inside the archive
# Frames that every program is given at the least: of fewer, the exporter would trace other shapes.
_LEAST_FRAMES = 5


class _Flat(nn.Module):
    """A graph with its outputs as one flat tuple, in the contract's order."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.model = graph

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        outputs = self.model(waveform, lengths)
        if isinstance(self.model, FeatureRecognizerGraph):
            recognized, features = outputs
            return (*recognized, *features.layers, features.lengths)
        if isinstance(self.model, FeatureGraph):
            return (*outputs.layers, outputs.lengths)
        return tuple(outputs)


def export_exported_program(
    graph: Graph,
    example: tuple[Tensor, Tensor],
    pieces: list[str],
    sample_rate: int,  # noqa: ARG001
    path: Path,
) -> None:
    """Export ``graph`` and save it.

    Args:
        graph: in evaluation mode, on the CPU.
        example: waveform (B, S) and lengths (B,), B at least 2.
        pieces: text of each label in a transcript.
        sample_rate: the model's own, Hz; the program takes no other.
        path: the file to write.

    Raises:
        ExportError: the graph gives neither transcripts nor features.
    """
    if not isinstance(graph, (RecognizerGraph, FeatureGraph, FeatureRecognizerGraph)):
        raise ExportError(
            "exported-program is written of transcripts and features only: leave it out of --format"
        )
    backbone = graph.backbone
    least = backbone.receptive_field + (_LEAST_FRAMES - 1) * backbone.frame_stride
    batch = torch.export.Dim("batch")
    samples = torch.export.Dim("samples", min=least)
    shapes = {"waveform": {0: batch, 1: samples}, "lengths": {0: batch}}
    # Messages of torch's insides, which nobody can act on
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                _Flat(graph),
                example,
                dynamic_shapes=shapes,
                # Of an adapter, "not one frame" is true of every length and past its solver.
                prefer_deferred_runtime_asserts_over_guards=True,
            )
            texts = json.dumps(pieces, ensure_ascii=False)
            torch.export.save(program, path, extra_files={PIECES: texts})
    finally:
        logger.setLevel(level)
