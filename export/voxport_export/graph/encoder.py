"""Features to hidden states: projection, positional convolution and transformer layers.

The same arithmetic as torchaudio's encoder, except that padding is masked by a finite bias
(softmax over a row with no valid key must stay finite: an infinite one would give NaN), and that
weight norm, the scale of attention and two of its biases are folded into other weights.
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
from voxport_export.graph.linear import linear
from voxport_export.graph.relative_positions import Gate, RelativePositions
from voxport_export.sources.mms_adapter import AdaptedLayer

# Added to the score of a key that is padding. exp() of it is exactly 0 beside any real score,
# and unlike -inf it leaves a row without valid keys finite.
MASKED = -1e9


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

    def forward(self, x: Tensor) -> Tensor:
        """Map x [batch, frames, D], zero past the row's end, to the same shape."""
        y = self.conv(x.transpose(1, 2))
        if self.trim:
            y = y[..., : -self.trim]
        return F.gelu(y).transpose(1, 2)


class SelfAttention(nn.Module):
    """Multi-head self-attention; WavLM's adds its gated positions.

    Queries come scaled. A bias of the keys would add the same to each score of a query, which the
    softmax does not see: there is none. That of the values goes through the weights of attention,
    whose sum is 1, unchanged: it is part of the output's.
    """

    def __init__(self, attention: components.SelfAttention | WavLMSelfAttention):
        super().__init__()
        self.heads, self.width = attention.num_heads, attention.head_dim
        self.gate = Gate(attention) if isinstance(attention, WavLMSelfAttention) else None
        inner = attention.attention if isinstance(attention, WavLMSelfAttention) else attention
        q, k, v = _input_projections(attention)
        scale = self.width**-0.5
        self.queries = linear(q.weight * scale, q.bias * scale)
        self.keys, self.values = linear(k.weight, None), linear(v.weight, None)
        out = inner.out_proj
        bias = out.bias.double() + out.weight.double() @ v.bias.double()
        self.out = linear(out.weight, bias.float())

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Map x [batch, frames, D] to the same.

        Args:
            x: [batch, frames, D].
            key_bias: [batch, 1, 1, frames], added to each score of a key.
            positions: [heads, frames, frames], a score of each query and key; WavLM only.
        """
        if self.gate is not None and positions is not None:
            key_bias = self.gate(x) * positions + key_bias
        q, k, v = (self.by_head(project(x)) for project in (self.queries, self.keys, self.values))
        return self.out(attend(q, k, v, key_bias).transpose(1, 2).flatten(2))

    def by_head(self, x: Tensor) -> Tensor:
        """Map x [batch, frames, D] to [batch, heads, frames, width]."""
        return x.unflatten(-1, (self.heads, self.width)).transpose(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attention of q, k, v [batch, heads, frames, width] with a bias of its scores.

    The bias is [batch, 1, 1, frames] or [batch, heads, frames, frames]. From the scores to the
    softmax all is of its type whatever the others are: float16 has no room for the bias of a masked
    key.
    """
    if q.dtype == bias.dtype and not torch.compiler.is_exporting():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
    if q.dtype == bias.dtype and bias.shape[2] == 1:
        scores = _with_coordinate(q, torch.ones_like(bias)) @ _with_coordinate(k, bias).mT
    else:
        scores = (q @ k.mT).to(bias.dtype) + bias
    return scores.softmax(dim=-1).to(v.dtype) @ v


def _with_coordinate(x: Tensor, values: Tensor) -> Tensor:
    """Append values [batch, 1, 1, frames] to the width of x [batch, heads, frames, width].

    So one product gives scores with their bias, where adding it takes as long as the softmax.
    """
    return torch.cat([x, values.mT.expand(-1, x.shape[1], -1, -1)], dim=-1)


def _input_projections(
    attention: components.SelfAttention | WavLMSelfAttention,
) -> tuple[nn.Linear, ...]:
    """What makes queries, keys and values."""
    if not isinstance(attention, WavLMSelfAttention):
        return attention.q_proj, attention.k_proj, attention.v_proj
    inner = attention.attention
    parts = zip(inner.in_proj_weight.chunk(3), inner.in_proj_bias.chunk(3), strict=True)
    return tuple(linear(weight, bias) for weight, bias in parts)


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each with a residual; norms before (large) or after (base)."""

    def __init__(self, layer: components.EncoderLayer | AdaptedLayer):
        super().__init__()
        self.adapter = nn.Identity()
        if isinstance(layer, AdaptedLayer):
            layer, self.adapter = layer.layer, layer.adapter
        feed_forward = cast("components.FeedForward", layer.feed_forward)
        self.attention = SelfAttention(
            cast("components.SelfAttention | WavLMSelfAttention", layer.attention)
        )
        self.layer_norm = layer.layer_norm
        self.final_layer_norm = layer.final_layer_norm
        self.feed_forward = FeedForward(feed_forward.intermediate_dense, feed_forward.output_dense)
        self.layer_norm_first = layer.layer_norm_first

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Map x [batch, frames, D] to the same; the rest is as ``SelfAttention`` takes it."""
        if self.layer_norm_first:
            x = x + self.attention(self.layer_norm(x), key_bias, positions)
            return self.adapter(x + self.feed_forward(self.final_layer_norm(x)))
        x = self.layer_norm(x + self.attention(x, key_bias, positions))
        return self.adapter(self.final_layer_norm(x + self.feed_forward(x)))


class Encoder(nn.Module):
    """torchaudio's ``Encoder``, batch-exact."""

    def __init__(self, encoder: components.Encoder):
        super().__init__()
        projection = cast("components.FeatureProjection", encoder.feature_projection)
        transformer = cast("components.Transformer", encoder.transformer)
        self.norm = projection.layer_norm
        self.projection = projection.projection
        self.positions = PositionalConv(
            cast("components.ConvolutionalPositionalEmbedding", transformer.pos_conv_embed)
        )
        self.layer_norm = transformer.layer_norm
        # In torchaudio the transformer's flag is the opposite of its layers'.
        self.norm_inputs = transformer.layer_norm_first
        layers = list(cast("Iterable[components.EncoderLayer | AdaptedLayer]", transformer.layers))
        self.layers = nn.ModuleList(EncoderLayer(layer) for layer in layers)
        self.relative = RelativePositions.of(layers)

    def forward(self, features: Tensor, valid: Tensor) -> tuple[list[Tensor], Tensor]:
        """Map features [batch, frames, C] and valid [batch, frames] to hidden states.

        Returns:
            The output of every layer, and the encoder's own, each [batch, frames, D].
        """
        x = self.projection(self.norm(features))
        x = x.where(valid.unsqueeze(-1), x.new_zeros(()))
        x = x + self.positions(x)
        if self.norm_inputs:
            x = self.layer_norm(x)
        key_bias = (~valid).float()[:, None, None, :] * MASKED
        positions = None if self.relative is None else self.relative(valid)
        outputs: list[Tensor] = []
        for layer in self.layers:
            x = layer(x, key_bias, positions)
            outputs.append(x)
        return outputs, x if self.norm_inputs else self.layer_norm(x)
