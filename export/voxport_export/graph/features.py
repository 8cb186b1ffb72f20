"""Every transformer layer's output: the graph of a model without a head, and beside a recogniser.

Layer n is what torchaudio's ``extract_features`` gives at index n - 1.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from voxport_export.graph.backbone import Backbone, Hidden
from voxport_export.graph.recognizer import RecognizerGraph


class Features(NamedTuple):
    """What ``extract_features`` returns, as torchaudio's method of that name does."""

    layers: list[Tensor]  # float32 [batch, frames, D], zero past the row's length
    lengths: Tensor  # int64 [batch], frames


class FeatureGraph(nn.Module):
    """A backbone whose layers are the answer."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone = backbone
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> Features:
        """Map waveform float32 [batch, samples] of lengths int64 [batch]."""
        return features_of(self.backbone(waveform, lengths))


class RecognizerWithFeatures(nn.Module):
    """Both answers of one run of the backbone, flat: ONNX knows no lists."""

    def __init__(self, recognizer: RecognizerGraph):
        super().__init__()
        self.recognizer = recognizer

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Map waveform float32 [batch, samples] of lengths int64 [batch]."""
        hidden = self.recognizer.backbone(waveform, lengths)
        layers, frames = features_of(hidden)
        return (*self.recognizer.decode(hidden), frames, *layers)


def features_of(hidden: Hidden) -> Features:
    """Cut the appended frames off each layer and zero what lies past a row's length."""
    outside = ~hidden.valid.unsqueeze(-1)
    return Features(
        [x.masked_fill(outside, 0.0).index_select(1, hidden.frames) for x in hidden.layers],
        hidden.valid.sum(dim=1),
    )
