"""SEW-D: SEW with DeBERTa's disentangled attention."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from voxport_export.families.family import Family
from voxport_export.families.squeezed import NEEDED, convert
from voxport_export.graph.disentangled_attention import BucketedDistances, DisentangledAttention
from voxport_export.graph.encoder import EncoderLayer
from voxport_export.graph.feed_forward import FeedForward


def _take_layers(encoder: Any) -> tuple[list[EncoderLayer], nn.Module | None]:
    """Take the encoder's layers, and the distances that they need."""
    transformer = encoder.encoder
    embeddings = transformer.get_rel_embedding()  # None without relative attention
    layers = [_take_layer(layer, embeddings) for layer in transformer.layer]
    if embeddings is None:
        return layers, None
    attention = transformer.layer[0].attention.self
    buckets, most = attention.position_buckets, attention.max_relative_positions
    return layers, BucketedDistances(partial(_bucket, buckets, most), attention.pos_ebd_size)


def _bucket(buckets: int, most: int, distances: Tensor) -> Tensor:
    """Map distances to buckets as transformers does."""
    from transformers.models.sew_d.modeling_sew_d import make_log_bucket_position

    if buckets <= 0:
        return distances
    return make_log_bucket_position(distances, buckets, most).long()


def _take_layer(layer: Any, embeddings: Tensor | None) -> EncoderLayer:
    attention, output = layer.attention.self, layer.attention.output
    kinds = attention.pos_att_type
    width = attention.attention_head_size
    scale = (width * (1 + ("c2p" in kinds) + ("p2c" in kinds))) ** -0.5
    keys, queries = None, None
    if embeddings is not None and "c2p" in kinds:
        project = attention.key_proj if attention.share_att_key else attention.pos_key_proj
        keys = project(embeddings)
    if embeddings is not None and "p2c" in kinds:
        project = attention.query_proj if attention.share_att_key else attention.pos_query_proj
        queries = project(embeddings)
    return EncoderLayer(
        DisentangledAttention(
            attention.query_proj,
            attention.key_proj,
            attention.value_proj,
            output.dense,
            attention.num_attention_heads,
            scale,
            keys,
            queries,
        ),
        output.LayerNorm,
        FeedForward(layer.intermediate.dense, layer.output.dense),
        layer.output.LayerNorm,
    )


FAMILY = Family(
    "sew-d",
    "SEWD",
    partial(convert, take_layers=_take_layers),
    needed={**NEEDED, "conv_kernel_size": (0,)},
)
