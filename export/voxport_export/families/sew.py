"""SEW: Wav2Vec2 with a transformer over squeezed frames."""

from __future__ import annotations

from functools import partial
from typing import Any

from voxport_export.families.family import Family
from voxport_export.families.squeezed import NEEDED, convert
from voxport_export.graph.encoder import EncoderLayer, SelfAttention
from voxport_export.graph.feed_forward import FeedForward


def _take_layers(encoder: Any) -> tuple[list[EncoderLayer], None]:
    """Take the encoder's layers; they need nothing of positions."""
    layers = [
        EncoderLayer(
            SelfAttention(layer.attention),
            layer.layer_norm,
            FeedForward(layer.feed_forward.intermediate_dense, layer.feed_forward.output_dense),
            layer.final_layer_norm,
        )
        for layer in encoder.layers
    ]
    return layers, None


FAMILY = Family("sew", "SEW", partial(convert, take_layers=_take_layers), needed=NEEDED)
