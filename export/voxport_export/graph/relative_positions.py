"""WavLM's gated relative positions: a score for each distance to a key, weighed by each query.

torchaudio computes the bucket of every pair of frames with a logarithm, and two runtimes may round
it to two buckets. Beyond ``max_distance`` there is a single bucket, so torchaudio itself looks up
the buckets of all distances up to it, once, here; the graph only counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention

from voxport_export.graph.tracing import arange_like


class RelativePositions(nn.Module):
    """The score of each distance for each head; all layers share it."""

    def __init__(self, attention: WavLMSelfAttention):
        super().__init__()
        self.reach = attention.max_distance
        distances = torch.arange(-self.reach, self.reach + 1)  # of the key from the query
        buckets = attention._relative_positions_bucket(distances)
        embedding = cast("nn.Embedding", attention.rel_attn_embed)
        self.table = nn.Parameter(embedding.weight.detach()[buckets])  # (2 * reach + 1, H)

    @classmethod
    def from_layers(cls, layers: Iterable[nn.Module]) -> RelativePositions | None:
        """Take the embedding from its one layer; None for models other than WavLM."""
        attentions = (getattr(layer, "attention", None) for layer in layers)
        for attention in attentions:
            if isinstance(attention, WavLMSelfAttention) and attention.rel_attn_embed is not None:
                return cls(attention)
        return None

    def forward(self, valid: Tensor) -> Tensor:
        """Return the scores (H, T, T) for a mask (B, T), read for its T alone."""
        frame = arange_like(valid)
        distance = frame.unsqueeze(0) - frame.unsqueeze(1)
        index = distance.clamp(-self.reach, self.reach) + self.reach
        return F.embedding(index, self.table).permute(2, 0, 1)


class PositionGate(nn.Module):
    """Each query's weight of the positions.

    torchaudio adds up 4 outputs of a linear layer for each of two gates; their weights are added
    up beforehand.
    """

    def __init__(self, attention: WavLMSelfAttention):
        super().__init__()
        linear = attention.gru_rel_pos_linear
        self.weight = nn.Parameter(linear.weight.detach().unflatten(0, (2, 4)).sum(dim=1))
        self.bias = nn.Parameter(linear.bias.detach().unflatten(0, (2, 4)).sum(dim=1))
        self.const = nn.Parameter(attention.gru_rel_pos_const.detach())  # (1, H, 1, 1)
        self.heads = attention.num_heads

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, T, D) to (B, H, T, 1)."""
        queries = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        a, b = torch.sigmoid(F.linear(queries, self.weight, self.bias)).split(1, dim=-1)
        return a * (b * self.const - 1.0) + 2.0
