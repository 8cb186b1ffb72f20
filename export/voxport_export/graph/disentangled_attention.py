"""DeBERTa's disentangled attention: scores of contents, and of each content with a distance.

The bucket of a distance needs a logarithm, and two runtimes may round it to two buckets: so the
buckets of all distances up to the last bucket are looked up once, here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from voxport_export.graph.distances import distances_like, skew
from voxport_export.graph.encoder import attend
from voxport_export.graph.linear import make_linear


class BucketedDistances(nn.Module):
    """Every distance of a query from a key as an index of the embeddings.

    Args:
        bucket: maps distances, int64 (...), to buckets from -span on; beyond the span either way
            they are those of its ends.
        span: half the number of embeddings.
    """

    indices: Tensor  # int64 (2 * reach + 1,), of the distances from -reach on

    def __init__(self, bucket: Callable[[Tensor], Tensor], span: int):
        super().__init__()
        reach = 1
        while not (int(bucket(torch.tensor(reach))) >= span):
            reach *= 2
        distances = torch.arange(-reach, reach + 1)
        self.register_buffer("indices", (bucket(distances) + span).clamp(0, 2 * span - 1).long())
        self.reach = reach

    def forward(self, valid: Tensor) -> Tensor:
        """Return indices int64 (2T - 1,) for a mask (B, T): of the largest distance first."""
        places = distances_like(valid).clamp(-self.reach, self.reach) + self.reach
        return self.indices.index_select(0, places)


class DisentangledAttention(nn.Module):
    """Self-attention with scores of a query and a distance, and of a key and a distance.

    The scale is folded into the queries. ``positions`` are the indices of distances (2T - 1,).

    Args:
        queries: to the heads.
        keys: to the heads.
        values: to the heads.
        out: from the heads.
        heads: number of them.
        scale: of all scores.
        distance_keys: float32 (2 * span, D), keys of the distances; None: they have no score.
        distance_queries: float32 (2 * span, D), queries of the distances, not scaled; None
            likewise.
    """

    def __init__(
        self,
        queries: nn.Linear,
        keys: nn.Linear,
        values: nn.Linear,
        out: nn.Linear,
        heads: int,
        scale: float,
        distance_keys: Tensor | None,
        distance_queries: Tensor | None,
    ):
        super().__init__()
        self.heads = heads
        self.queries = make_linear(queries.weight * scale, queries.bias * scale)
        self.keys = keys
        self.values = make_linear(values.weight, None)
        bias = out.bias.double() + out.weight.double() @ values.bias.double()
        self.out = make_linear(out.weight, bias.float())
        self.distance_keys = self._parameter(distance_keys, 1.0)
        self.distance_queries = self._parameter(distance_queries, scale)

    def _parameter(self, table: Tensor | None, scale: float) -> nn.Parameter | None:
        """Return a table of distances by head, (H, W, 2 * span), times ``scale``."""
        if table is None:
            return None
        return nn.Parameter(self.split_heads(table.detach() * scale).mT.contiguous())

    def forward(self, x: Tensor, key_bias: Tensor, positions: Tensor | None) -> Tensor:
        """Attend over a batch.

        Args:
            x: (B, T, D).
            key_bias: (B, 1, 1, T), added to every score of a key.
            positions: indices of the distances (2T - 1,).

        Returns:
            (B, T, D).
        """
        q, k, v = (
            self.split_heads(project(x)) for project in (self.queries, self.keys, self.values)
        )
        bias = key_bias
        if self.distance_keys is not None and positions is not None:
            bias = skew((q @ self.distance_keys).index_select(-1, positions)) + bias
        if self.distance_queries is not None and positions is not None:
            # Of a key, the distances of all queries from it: they grow with the query.
            scores = (k @ self.distance_queries).index_select(-1, positions.flip(0))
            bias = skew(scores).mT + bias
        return self.out(attend(q, k, v, bias).transpose(1, 2).flatten(2))

    def split_heads(self, x: Tensor) -> Tensor:
        """Map x (..., T, D) to (..., H, T, D / H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
