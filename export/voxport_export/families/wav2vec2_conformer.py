"""Wav2Vec2-Conformer: Wav2Vec2's convolutions before conformer layers."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from voxport_export.families.conformer_shaped import ACTIVATIONS, take_layer, take_positions
from voxport_export.families.family import Family, normalize_eps
from voxport_export.families.torchaudio_shaped import GELU, find_backbone, take_adapter
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.conformer import ConformerEncoder
from voxport_export.graph.conv_backbone import ConvBackbone
from voxport_export.graph.feature_extractor import ConvExtractor


def convert(original: Any, extractor: Any) -> AcousticModel:
    """Map an eager model and its feature extractor to the graph's model."""
    eps = normalize_eps(extractor)
    return AcousticModel(
        original,
        getattr(original, "lm_head", None),
        lambda: _build(find_backbone(original), eps),
    )


def _build(backbone: Any, eps: float | None) -> ConvBackbone:
    config, projection = backbone.config, backbone.feature_projection
    encoder = ConformerEncoder(
        nn.Sequential(projection.layer_norm, projection.projection),
        take_positions(config),
        [take_layer(layer, config) for layer in backbone.encoder.layers],
        backbone.encoder.layer_norm,
    )
    layers = cast("nn.ModuleList", backbone.feature_extractor.conv_layers)
    adapter = None if backbone.adapter is None else take_adapter(backbone.adapter)
    return ConvBackbone(ConvExtractor.from_torchaudio(layers), encoder, eps, adapter)


FAMILY = Family(
    "wav2vec2-conformer",
    "Wav2Vec2Conformer",
    convert,
    needed={
        "hidden_act": tuple(ACTIVATIONS),
        "feat_extract_activation": GELU,
        "position_embeddings_type": ("relative", "rotary", None),
    },
)
