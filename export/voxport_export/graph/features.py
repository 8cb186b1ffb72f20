"""The output of every transformer layer, alone or beside a transcript.

Layer n is index n - 1 of torchaudio's ``extract_features``.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from torch import Tensor, nn

from voxport_export.graph.backbone import Backbone, HiddenStates
from voxport_export.graph.heads import HeadGraph
from voxport_export.graph.recognizer import RecognizerGraph, RecognizerOutputs


class Features(NamedTuple):
    """The outputs of all layers, as torchaudio's ``extract_features`` returns them."""

    layers: list[Tensor]  # float32 (B, T, D), zero past the row's length
    lengths: Tensor  # int64 (B,), frames


class FeatureGraph(nn.Module):
    """The graph of a model without a head: its layers' outputs."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone = backbone
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> Features:
        """Map waveform float32 (B, S) and lengths int64 (B,) to features."""
        return _trim_layers(self.backbone(waveform, lengths))


class FeatureRecognizerGraph(nn.Module):
    """A recognizer with its backbone's layers as outputs too, over the same weights."""

    def __init__(self, recognizer: RecognizerGraph):
        super().__init__()
        self.recognizer = recognizer
        self.features = FeatureGraph(recognizer.backbone)
        self.eval()

    @property
    def backbone(self) -> Backbone:
        """The backbone of both."""
        return self.recognizer.backbone

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[RecognizerOutputs, Features]:
        """Map waveform float32 (B, S) and lengths int64 (B,) to both, in one run."""
        hidden = self.backbone(waveform, lengths)
        return self.recognizer.decode(hidden), _trim_layers(hidden)


def _trim_layers(hidden: HiddenStates) -> Features:
    """Cut the appended frames off each layer and zero it past each row's length."""
    outside = ~hidden.valid.unsqueeze(-1)
    return Features(
        [x.masked_fill(outside, 0.0).index_select(1, hidden.frames) for x in hidden.layers],
        hidden.valid.sum(dim=1),
    )


# An exportable graph: transcripts, features or both, or another task's answers
Graph: TypeAlias = RecognizerGraph | FeatureGraph | FeatureRecognizerGraph | HeadGraph
