"""Conformer layers of Wav2Vec2-Conformer and Wav2Vec2-BERT, taken from the eager models."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.conformer import (
    Attention,
    ConformerLayer,
    ConvModule,
    DistanceAttention,
    LayerParts,
    Projections,
    RotaryAttention,
    SinusoidAttention,
    halved,
    pointwise,
    unpadded,
)
from voxport_export.graph.distances import ClampedDistances, RotaryAngles, SinusoidTable

# Functions of transformers' ACT2FN by name
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_python": F.gelu,
    "swish": F.silu,
    "silu": F.silu,
    "relu": F.relu,
}


def take_positions(config: Any) -> nn.Module | None:
    """Return what the attentions of a model need to know of positions."""
    kind = config.position_embeddings_type
    if kind == "relative":
        width = config.hidden_size
        steps = torch.arange(0, width, 2, dtype=torch.int64).float()
        return SinusoidTable(torch.exp(steps * -(math.log(10000.0) / width)))
    if kind == "rotary":
        width = config.hidden_size // config.num_attention_heads
        steps = torch.arange(0, width, 2, dtype=torch.int64).float()
        return RotaryAngles(1.0 / (config.rotary_embedding_base ** (steps / width)))
    if kind == "relative_key":
        return ClampedDistances(
            config.left_max_position_embeddings, config.right_max_position_embeddings
        )
    return None


def take_layer(layer: Any, config: Any) -> ConformerLayer:
    """Take an eager layer apart."""
    activation = ACTIVATIONS[config.hidden_act]
    first, second = (
        halved(one.intermediate_dense, one.output_dense, activation)
        for one in (layer.ffn1, layer.ffn2)
    )
    return ConformerLayer(
        LayerParts(
            (layer.ffn1_layer_norm, first),
            (layer.self_attn_layer_norm, take_attention(layer.self_attn)),
            (layer.conv_module.layer_norm, _take_convolution(layer.conv_module, activation)),
            (layer.ffn2_layer_norm, second),
            layer.final_layer_norm,
        )
    )


def take_attention(attention: Any) -> Attention:
    """Take an eager attention apart, with the positions that it has."""
    parts = Projections(
        attention.linear_q,
        attention.linear_k,
        attention.linear_v,
        attention.linear_out,
        attention.num_heads,
    )
    kind = attention.position_embeddings_type
    if kind == "relative":
        biases = (attention.pos_bias_u, attention.pos_bias_v)
        return SinusoidAttention(parts, *biases, attention.linear_pos)
    if kind == "rotary":
        return RotaryAttention(parts)
    if kind == "relative_key":
        return DistanceAttention(parts, attention.distance_embedding.weight)
    return Attention(parts)


def _take_convolution(module: Any, activation: Callable[[Tensor], Tensor]) -> ConvModule:
    """Take a convolution module apart: causal with a LayerNorm, or centred with a BatchNorm."""
    kernel = module.depthwise_conv.kernel_size[0]
    norm = getattr(module, "depthwise_layer_norm", None)
    is_causal = norm is not None
    return ConvModule(
        pointwise(module.pointwise_conv1),
        unpadded(module.depthwise_conv, None if is_causal else module.batch_norm),
        norm,
        activation,
        pointwise(module.pointwise_conv2),
        (kernel - 1, 0) if is_causal else (kernel // 2, kernel // 2),
    )
