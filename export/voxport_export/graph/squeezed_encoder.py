"""SEW's encoder: transformer layers over squeezed frames, stretched again behind them.

Pairs of frames are averaged before the layers, and each hidden state becomes a pair again. What is
left over of an odd number of frames has a hidden state of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.backbone import OTHER_RATE
from voxport_export.graph.encoder import PADDING_BIAS, EncoderLayer
from voxport_export.graph.tracing import arange_like


class SqueezedEncoder(nn.Module):
    """Features to hidden states by layers that see ``squeeze`` frames as one.

    Args:
        projection: from features to the layers' width.
        conv: grouped, over time, with a stride of ``squeeze``; its weights plain.
        norm: before the layers, or nothing.
        layers: in order.
        positions: what the attentions need, from a mask (B, T); None: nothing.
        stretch: from one hidden state to those of ``squeeze`` frames.
        squeeze: frames that become one; a batch has at least as many.
    """

    pooling: Tensor  # float32 (D, 1, squeeze), the kernel of a mean

    features_refusal = OTHER_RATE

    def __init__(
        self,
        projection: nn.Module,
        conv: nn.Conv1d,
        norm: nn.Module,
        layers: Sequence[EncoderLayer],
        positions: nn.Module | None,
        stretch: nn.Linear,
        squeeze: int,
    ):
        super().__init__()
        self.projection, self.conv, self.norm = projection, conv, norm
        self.layers = nn.ModuleList(layers)
        self.positions = positions
        self.stretch, self.squeeze = stretch, squeeze
        self.width = stretch.in_features
        self.register_buffer("pooling", torch.full((self.width, 1, squeeze), 1 / squeeze))

    def forward(self, features: Tensor, valid: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Map features to hidden states.

        Args:
            features: float32 (B, T, C).
            valid: bool (B, T).

        Returns:
            The input of the first layer and the output of every layer, each (B, T // squeeze, D),
            and the encoder's own, (B, T, D).
        """
        x = self.projection(features)
        x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
        channels_first = x.transpose(1, 2)
        # A convolution, and no slices: of its length the exporter knows how it follows from T.
        pooled = F.conv1d(channels_first, self.pooling, stride=self.squeeze, groups=self.width)
        pooled = pooled.transpose(1, 2)
        frame = arange_like(pooled[..., 0])
        # The convolution may have a frame more.
        positions = F.gelu(self.conv(channels_first)).transpose(1, 2).index_select(1, frame)
        x = self.norm(pooled + positions)
        count = (valid.sum(dim=1) // self.squeeze).unsqueeze(1)
        attended = frame < count
        key_bias = (~attended).float()[:, None, None, :] * PADDING_BIAS
        distances = None if self.positions is None else self.positions(attended)
        embedded, outputs = x, []
        for layer in self.layers:
            x = layer(x, key_bias, distances)
            outputs.append(x)
        x = F.gelu(self.stretch(x)).unflatten(-1, (self.squeeze, -1)).flatten(1, 2)
        whole = arange_like(valid)
        x = F.pad(x, (0, 0, 0, self.squeeze - 1)).index_select(1, whole)
        inside = (whole < count * self.squeeze).unsqueeze(-1)
        return embedded, outputs, x.where(inside, x.new_zeros(()))
