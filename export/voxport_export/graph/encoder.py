"""Features to hidden states: projection, positional convolution and transformer layers.

The arithmetic of torchaudio's encoder with two exceptions: padding is masked by a finite bias (an
infinite one makes the softmax over a row without valid keys NaN), and weight norm, the scale of
attention and two of its biases are folded into other weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models.wav2vec2 import components
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention

from voxport_export.graph.feed_forward import FeedForward
from voxport_export.graph.linear import make_linear
from voxport_export.graph.mms_adapter import AdaptedLayer
from voxport_export.graph.positional_stack import PositionalStack
from voxport_export.graph.relative_positions import PositionGate, RelativePositions

# Added to the scores of padding keys. exp() of it is exactly 0 beside any real score, and unlike
# -inf it leaves a row without valid keys finite.
PADDING_BIAS = -1e9


class PositionalConv(nn.Module):
    """Grouped convolution over time with its weight norm folded, then GELU."""

    def __init__(self, embedding: components.ConvolutionalPositionalEmbedding):
        super().__init__()
        conv = cast("nn.Conv1d", embedding.conv)
        self.conv = nn.Conv1d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size[0],
            padding=embedding.kernel_size // 2,
            groups=conv.groups,
        )
        # The parametrisation computes g * v / |v| at each access: take the product.
        self.conv.weight = nn.Parameter(conv.weight.detach().clone())
        self.conv.bias = conv.bias
        self.trim = embedding.num_remove

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:  # noqa: ARG002
        """Map x (B, T, D), zero past each row's end, to the same shape."""
        y = self.conv(x.transpose(1, 2))
        if self.trim:
            y = y[..., : -self.trim]
        return F.gelu(y).transpose(1, 2)


class SelfAttention(nn.Module):
    """Multi-head self-attention; WavLM's adds its gated positions.

    The scale is folded into the queries. A bias of the keys would add the same to every score of a
    query, without effect on the softmax: it is dropped. The bias of the values passes through the
    weights of attention, whose sum is 1, unchanged: it is folded into the output's.
    """

    def __init__(self, attention: components.SelfAttention | WavLMSelfAttention):
        super().__init__()
        self.heads, self.width = attention.num_heads, attention.head_dim
        self.gate = PositionGate(attention) if isinstance(attention, WavLMSelfAttention) else None
        inner = attention.attention if isinstance(attention, WavLMSelfAttention) else attention
        q, k, v = _input_projections(attention)
        scale = self.width**-0.5
        self.queries = make_linear(q.weight * scale, q.bias * scale)
        self.keys, self.values = make_linear(k.weight, None), make_linear(v.weight, None)
        out = inner.out_proj
        bias = out.bias.double() + out.weight.double() @ v.bias.double()
        self.out = make_linear(out.weight, bias.float())

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Attend over a batch.

        Args:
            x: (B, T, D).
            key_bias: (B, 1, 1, T), added to every score of a key.
            positions: (H, T, T), a score of each query and key; WavLM only.

        Returns:
            (B, T, D).
        """
        if self.gate is not None and positions is not None:
            key_bias = self.gate(x) * positions + key_bias
        q, k, v = (
            self.split_heads(project(x)) for project in (self.queries, self.keys, self.values)
        )
        return self.out(attend(q, k, v, key_bias).transpose(1, 2).flatten(2))

    def split_heads(self, x: Tensor) -> Tensor:
        """Map x (B, T, D) to (B, H, T, D / H)."""
        return x.unflatten(-1, (self.heads, self.width)).transpose(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Compute scaled attention with a bias of its scores.

    Scores and softmax are of the bias' type, whatever the others are: float16 has no room for
    ``PADDING_BIAS``.

    Args:
        q: (B, H, T, W), already scaled.
        k: (B, H, T, W).
        v: (B, H, T, W).
        bias: (B, 1, 1, T) or (B, H, T, T).

    Returns:
        (B, H, T, W).
    """
    if q.dtype == bias.dtype and not torch.compiler.is_exporting():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
    if q.dtype == bias.dtype and bias.shape[2] == 1:
        ones = torch.ones_like(bias)
        scores = _append_coordinate(q, ones) @ _append_coordinate(k, bias).mT
    else:
        scores = (q @ k.mT).to(bias.dtype) + bias
    return scores.softmax(dim=-1).to(v.dtype) @ v


def _append_coordinate(x: Tensor, values: Tensor) -> Tensor:
    """Append values (B, 1, 1, T) to the width of x (B, H, T, W).

    Thus one product gives scores with their bias; adding the bias takes as long as the softmax.
    """
    return torch.cat([x, values.mT.expand(-1, x.shape[1], -1, -1)], dim=-1)


def _input_projections(
    attention: components.SelfAttention | WavLMSelfAttention,
) -> tuple[nn.Linear, ...]:
    """Return the projections to queries, keys and values."""
    if not isinstance(attention, WavLMSelfAttention):
        return attention.q_proj, attention.k_proj, attention.v_proj
    inner = attention.attention
    parts = zip(inner.in_proj_weight.chunk(3), inner.in_proj_bias.chunk(3), strict=True)
    return tuple(make_linear(weight, bias) for weight, bias in parts)


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each with a residual; norms before (large) or after (base)."""

    def __init__(
        self,
        attention: nn.Module,
        layer_norm: nn.LayerNorm,
        feed_forward: FeedForward,
        final_layer_norm: nn.LayerNorm,
        layer_norm_first: bool = False,
    ):
        super().__init__()
        self.attention = attention
        self.layer_norm = layer_norm
        self.feed_forward = feed_forward
        self.final_layer_norm = final_layer_norm
        self.layer_norm_first = layer_norm_first
        self.adapter: nn.Module = nn.Identity()

    @classmethod
    def from_torchaudio(cls, layer: components.EncoderLayer | AdaptedLayer) -> EncoderLayer:
        """Take torchaudio's layer apart."""
        if isinstance(layer, AdaptedLayer):
            adapted = cls.from_torchaudio(layer.layer)
            adapted.adapter = layer.adapter
            return adapted
        feed_forward = cast("components.FeedForward", layer.feed_forward)
        return cls(
            SelfAttention(cast("components.SelfAttention | WavLMSelfAttention", layer.attention)),
            layer.layer_norm,
            FeedForward(feed_forward.intermediate_dense, feed_forward.output_dense),
            layer.final_layer_norm,
            layer.layer_norm_first,
        )

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Map x (B, T, D) to the same shape; other arguments as in ``SelfAttention``."""
        if self.layer_norm_first:
            x = x + self.attention(self.layer_norm(x), key_bias, positions)
            return self.adapter(x + self.feed_forward(self.final_layer_norm(x)))
        x = self.layer_norm(x + self.attention(x, key_bias, positions))
        return self.adapter(self.final_layer_norm(x + self.feed_forward(x)))


class Encoder(nn.Module):
    """torchaudio's ``Encoder``, batch-exact."""

    features_refusal: str | None = None

    def __init__(self, encoder: components.Encoder):
        super().__init__()
        projection = cast("components.FeatureProjection", encoder.feature_projection)
        transformer = cast("components.Transformer", encoder.transformer)
        self.norm = projection.layer_norm
        self.projection = projection.projection
        embedding = transformer.pos_conv_embed
        self.positions = (
            embedding
            if isinstance(embedding, PositionalStack)
            else PositionalConv(cast("components.ConvolutionalPositionalEmbedding", embedding))
        )
        self.layer_norm = transformer.layer_norm
        self.width = self.layer_norm.normalized_shape[0]  # channels of each layer
        # In torchaudio the transformer's flag is the opposite of its layers'.
        self.norm_inputs = transformer.layer_norm_first
        layers = list(cast("Iterable[components.EncoderLayer | AdaptedLayer]", transformer.layers))
        self.layers = nn.ModuleList(EncoderLayer.from_torchaudio(layer) for layer in layers)
        self.relative = RelativePositions.from_layers(layers)

    def forward(self, features: Tensor, valid: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Map features to hidden states.

        Args:
            features: float32 (B, T, C).
            valid: bool (B, T).

        Returns:
            The input of the first layer, the output of every layer, and the encoder's own, each
            (B, T, D).
        """
        x = self.projection(self.norm(features))
        x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
        x = x + self.positions(x, valid)
        if self.norm_inputs:
            x = self.layer_norm(x)
        key_bias = (~valid).float()[:, None, None, :] * PADDING_BIAS
        positions = None if self.relative is None else self.relative(valid)
        embedded, outputs = x, []
        for layer in self.layers:
            x = layer(x, key_bias, positions)
            outputs.append(x)
        return embedded, outputs, x if self.norm_inputs else self.layer_norm(x)
