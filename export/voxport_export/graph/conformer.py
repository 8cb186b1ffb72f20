"""Conformer layers: two half feed-forwards around attention and a convolution over time.

Batch-exact: keys past a row's end are masked, and what enters a convolution is zero there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.distances import rotate, skew
from voxport_export.graph.encoder import PADDING_BIAS, attend
from voxport_export.graph.feed_forward import FeedForward
from voxport_export.graph.linear import make_linear


@dataclass(frozen=True)
class Projections:
    """The linear layers of an attention, each with or without a bias."""

    queries: nn.Linear
    keys: nn.Linear
    values: nn.Linear
    out: nn.Linear
    heads: int

    @property
    def scale(self) -> float:
        """The scale of its scores."""
        return (self.queries.out_features // self.heads) ** -0.5


class Attention(nn.Module):
    """Multi-head self-attention without positions, the base of the others.

    The scale is folded into the queries, the bias of the values into that of the result. A bias of
    the keys has no effect on the softmax and is dropped.

    Args:
        parts: the eager attention's.
        query_bias: added to the queries (H, W); None: none.
    """

    def __init__(self, parts: Projections, query_bias: Tensor | None = None):
        super().__init__()
        self.heads, scale = parts.heads, parts.scale
        bias = _bias(parts.queries)
        if query_bias is not None:
            bias = bias + query_bias.detach().flatten()
        self.queries = make_linear(parts.queries.weight * scale, bias * scale)
        self.keys, self.values = (
            make_linear(part.weight, None) for part in (parts.keys, parts.values)
        )
        passed_on = parts.out.weight.double() @ _bias(parts.values).double()
        bias = _bias(parts.out).double() + passed_on
        self.out = make_linear(parts.out.weight, bias.float())

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:  # noqa: ARG002
        """Attend over a batch.

        Args:
            x: (B, T, D).
            key_bias: (B, 1, 1, T), added to every score of a key.
            positions: of the kind that the attention needs.

        Returns:
            (B, T, D).
        """
        return self._attend(self.queries(x), self.keys(x), self.values(x), key_bias)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        q, k, v = (self.split_heads(one) for one in (q, k, v))
        return self.out(attend(q, k, v, bias).transpose(1, 2).flatten(2))

    def split_heads(self, x: Tensor) -> Tensor:
        """Map x (..., T, D) to (..., H, T, D / H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)


class RotaryAttention(Attention):
    """Attention whose queries and keys come from a turned input.

    ``positions``: the angles (2, T, W).
    """

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Attend over a batch, as ``Attention`` does."""
        if positions is None:
            raise ValueError("rotary attention needs angles")
        turned = rotate(x, positions, self.heads)
        return self._attend(self.queries(turned), self.keys(turned), self.values(x), key_bias)


class SinusoidAttention(Attention):
    """Attention with scores of sinusoidal distances, as in Transformer-XL.

    ``positions``: the table (2T - 1, D).

    Args:
        parts: the eager attention's.
        content_bias: added to the queries of keys, (H, W).
        position_bias: added to the queries of distances, (H, W).
        projection: of the table, to the heads.
    """

    difference: Tensor  # of a query of distances from one of keys, float32 (H, 1, W)

    def __init__(
        self,
        parts: Projections,
        content_bias: Tensor,
        position_bias: Tensor,
        projection: nn.Linear,
    ):
        super().__init__(parts, content_bias)
        difference = (position_bias - content_bias).detach() * parts.scale
        self.register_buffer("difference", difference.unsqueeze(1))
        self.projection = projection

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Attend over a batch, as ``Attention`` does."""
        q = self.queries(x)
        table = self.split_heads(self.projection(positions))  # (H, 2T - 1, W)
        scores = (self.split_heads(q) + self.difference) @ table.mT
        return self._attend(q, self.keys(x), self.values(x), skew(scores) + key_bias)


class DistanceAttention(Attention):
    """Attention with scores of clamped distances, learned for each layer.

    ``positions``: the indices of distances (2T - 1,).

    Args:
        parts: the eager attention's.
        table: float32 (distances, W).
    """

    def __init__(self, parts: Projections, table: Tensor):
        super().__init__(parts)
        self.table = nn.Parameter(table.detach())

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Attend over a batch, as ``Attention`` does."""
        if positions is None:
            raise ValueError("attention by distance needs indices")
        q = self.queries(x)
        # A few dozen distances have scores; every other one has that of the last.
        scores = (self.split_heads(q) @ self.table.mT).index_select(-1, positions)
        return self._attend(q, self.keys(x), self.values(x), skew(scores) + key_bias)


def _bias(layer: nn.Linear) -> Tensor:
    """Return the bias of a layer, zeros if it has none."""
    if layer.bias is None:
        return layer.weight.new_zeros(layer.out_features).detach()
    return layer.bias.detach()


class ConvModule(nn.Module):
    """A gated linear layer, a convolution of each channel over time, and a linear layer.

    Args:
        expand: to twice the channels, one half the gate of the other.
        depthwise: of each channel alone, padded as given by ``padding``.
        norm: a LayerNorm behind the convolution; None where a BatchNorm is folded into it.
        activation: behind the normalisation.
        project: back to the layer's width.
        padding: frames of zeros before and behind.
    """

    def __init__(
        self,
        expand: nn.Linear,
        depthwise: nn.Conv1d,
        norm: nn.LayerNorm | None,
        activation: Callable[[Tensor], Tensor],
        project: nn.Linear,
        padding: tuple[int, int],
    ):
        super().__init__()
        self.expand, self.depthwise, self.project = expand, depthwise, project
        self.norm = nn.Identity() if norm is None else norm
        self.activation = activation
        self.padding = padding

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map x (B, T, D) to the same shape; of frames that are not ``valid`` nothing is seen."""
        x = F.glu(self.expand(x), dim=-1)
        x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
        y = self.depthwise(F.pad(x.transpose(1, 2), self.padding)).transpose(1, 2)
        return self.project(self.activation(self.norm(y)))


def pointwise(conv: nn.Conv1d) -> nn.Linear:
    """Return a convolution of kernel 1 as a linear layer over the same weights."""
    return make_linear(conv.weight.squeeze(-1), conv.bias)


def unpadded(conv: nn.Conv1d, norm: nn.BatchNorm1d | None = None) -> nn.Conv1d:
    """Return a convolution of each channel without padding, a BatchNorm behind it folded in."""
    weight, bias = conv.weight.detach(), conv.bias
    if norm is not None:
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            raise ValueError("a BatchNorm without running statistics depends on its batch")
        scale = norm.weight.detach().double() / torch.sqrt(variance.double() + norm.eps)
        before = 0.0 if bias is None else bias.detach().double()
        bias = ((before - mean.double()) * scale + norm.bias.detach().double()).float()
        weight = (weight.double() * scale[:, None, None]).float()
    plain = nn.Conv1d(
        conv.in_channels, conv.out_channels, conv.kernel_size[0], groups=conv.groups, device="meta"
    )
    plain.weight = nn.Parameter(weight)
    plain.bias = None if bias is None else nn.Parameter(bias.detach())
    return plain


def halved(intermediate: nn.Linear, output: nn.Linear, activation: Callable) -> FeedForward:
    """Return half of a feed-forward: the factor 0.5, exact in binary, is in its weights."""
    bias = None if output.bias is None else output.bias * 0.5
    return FeedForward(intermediate, make_linear(output.weight * 0.5, bias), activation)


@dataclass(frozen=True)
class LayerParts:
    """The parts of one layer, with the normalisation before each."""

    first: tuple[nn.LayerNorm, FeedForward]  # half of it
    attention: tuple[nn.LayerNorm, Attention]
    convolution: tuple[nn.LayerNorm, ConvModule]
    second: tuple[nn.LayerNorm, FeedForward]  # half of it
    norm: nn.LayerNorm  # of the result


class ConformerLayer(nn.Module):
    """One layer: each part has a normalisation before it and a residual around it."""

    def __init__(self, parts: LayerParts):
        super().__init__()
        self.first_norm, self.first = parts.first
        self.attention_norm, self.attention = parts.attention
        self.conv_norm, self.conv = parts.convolution
        self.second_norm, self.second = parts.second
        self.norm = parts.norm

    def forward(
        self, x: Tensor, valid: Tensor, key_bias: Tensor, positions: Tensor | None
    ) -> Tensor:
        """Map x (B, T, D) to the same shape; other arguments as in the parts."""
        x = x + self.first(self.first_norm(x))
        x = x + self.attention(self.attention_norm(x), key_bias, positions)
        x = x + self.conv(self.conv_norm(x), valid)
        x = x + self.second(self.second_norm(x))
        return self.norm(x)


class ConformerEncoder(nn.Module):
    """Features to hidden states by conformer layers.

    Args:
        projection: from features to the layers' width.
        positions: what the attentions need, from a mask (B, T); None: nothing.
        layers: in order.
        norm: of the encoder's output; None: the last layer's is the encoder's.
    """

    features_refusal: str | None = None

    def __init__(
        self,
        projection: nn.Module,
        positions: nn.Module | None,
        layers: Sequence[ConformerLayer],
        norm: nn.LayerNorm | None = None,
    ):
        super().__init__()
        self.projection = projection
        self.positions = positions
        self.layers = nn.ModuleList(layers)
        self.norm = nn.Identity() if norm is None else norm
        self.width = layers[0].norm.normalized_shape[0]

    def forward(self, features: Tensor, valid: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Map features to hidden states.

        Args:
            features: float32 (B, T, C).
            valid: bool (B, T).

        Returns:
            The input of the first layer, the output of every layer, and the encoder's own, each
            (B, T, D).
        """
        x = self.projection(features)
        x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
        key_bias = (~valid).float()[:, None, None, :] * PADDING_BIAS
        positions = None if self.positions is None else self.positions(valid)
        embedded, outputs = x, []
        for layer in self.layers:
            x = layer(x, valid, key_bias, positions)
            outputs.append(x)
        return embedded, outputs, self.norm(x)
