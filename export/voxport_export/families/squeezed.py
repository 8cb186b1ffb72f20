"""Encoders of SEW and SEW-D, taken from the eager models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import nn

from voxport_export.families.family import normalize_eps
from voxport_export.families.torchaudio_shaped import GELU, find_backbone
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.conv_backbone import ConvBackbone
from voxport_export.graph.encoder import EncoderLayer
from voxport_export.graph.feature_extractor import ConvExtractor
from voxport_export.graph.squeezed_encoder import SqueezedEncoder

NEEDED: dict[str, tuple[Any, ...]] = {
    "hidden_act": GELU,
    "feat_extract_activation": GELU,
    "squeeze_factor": (2,),
}


def convert(
    original: Any,
    extractor: Any,
    take_layers: Any,  # from the encoder to layers, and what they need of positions
) -> AcousticModel:
    """Map an eager model and its feature extractor to the graph's model."""
    eps = normalize_eps(extractor)
    return AcousticModel(
        original,
        getattr(original, "lm_head", None),
        lambda: _build(find_backbone(original), eps, *take_layers(find_backbone(original).encoder)),
    )


def _build(
    backbone: Any, eps: float | None, layers: Sequence[EncoderLayer], positions: nn.Module | None
) -> ConvBackbone:
    config, encoder = backbone.config, backbone.encoder
    projection = [backbone.layer_norm]
    if backbone.project_features:
        projection.append(backbone.feature_projection)
    squeezed = SqueezedEncoder(
        nn.Sequential(*projection),
        _take_conv(encoder.pos_conv_embed.conv),
        getattr(encoder, "layer_norm", nn.Identity()),
        layers,
        positions,
        encoder.upsample.projection,
        config.squeeze_factor,
    )
    convs = cast("nn.ModuleList", backbone.feature_extractor.conv_layers)
    return ConvBackbone(ConvExtractor.from_torchaudio(convs), squeezed, eps)


def _take_conv(conv: nn.Conv1d) -> nn.Conv1d:
    """Return a convolution with its weight norm folded, without further copies."""
    plain = nn.Conv1d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size[0],
        stride=conv.stride[0],
        padding=int(conv.padding[0]),
        groups=conv.groups,
        device="meta",
    )
    plain.weight = nn.Parameter(conv.weight.detach().clone())
    plain.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach())
    return plain
