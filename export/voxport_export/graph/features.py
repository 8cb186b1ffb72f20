"""Every transformer layer's output: the graph of a model without a head, and beside a recogniser.

Layer n is what torchaudio's ``extract_features`` gives at index n - 1.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from voxport_export.graph.backbone import Backbone, Hidden
from voxport_export.graph.recognizer import Outputs, RecognizerGraph


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
        return _features(self.backbone(waveform, lengths))


class FeatureRecognizerGraph(nn.Module):
    """A recogniser that gives its backbone's layers too; they have the same weights."""

    def __init__(self, recognizer: RecognizerGraph):
        super().__init__()
        self.recognizer = recognizer
        self.features = FeatureGraph(recognizer.backbone)
        self.eval()

    @property
    def backbone(self) -> Backbone:
        """What both answers are read from."""
        return self.recognizer.backbone

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Outputs, Features]:
        """Map waveform float32 [batch, samples] of lengths int64 [batch], in one run."""
        hidden = self.backbone(waveform, lengths)
        return self.recognizer.decode(hidden), _features(hidden)


def _features(hidden: Hidden) -> Features:
    """Cut the appended frames off each layer and zero what lies past a row's length."""
    outside = ~hidden.valid.unsqueeze(-1)
    return Features(
        [x.masked_fill(outside, 0.0).index_select(1, hidden.frames) for x in hidden.layers],
        hidden.valid.sum(dim=1),
    )
