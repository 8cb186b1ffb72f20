"""Parakeet with a CTC head: NeMo's FastConformer, as transformers has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from voxport_export.families.conformer_shaped import ACTIVATIONS
from voxport_export.families.family import BASE, Family, find_unsupported
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.conformer import (
    ConformerEncoder,
    ConformerLayer,
    ConvModule,
    LayerParts,
    Projections,
    SinusoidAttention,
    halved,
    pointwise,
    unpadded,
)
from voxport_export.graph.distances import SinusoidTable
from voxport_export.graph.filter_bank import MelEnergies
from voxport_export.graph.filter_bank_backbone import FilterBankBackbone
from voxport_export.graph.mel_subsampling import MelSubsampling

_NEEDED_OF_THE_ENCODER: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu", *ACTIVATIONS),
    "subsampling_conv_kernel_size": (3,),
    "subsampling_conv_stride": (2,),
}


def convert(original: Any, extractor: Any) -> AcousticModel:
    """Map an eager model and its feature extractor to the graph's model."""
    head = getattr(original, "ctc_head", None)
    encoder = getattr(original, "encoder", original)
    return AcousticModel(
        original,
        None if head is None else pointwise(head),
        lambda: _build(encoder, extractor),
    )


def _build(encoder: Any, extractor: Any) -> FilterBankBackbone:
    config = encoder.config
    layers = [_take_layer(layer, config) for layer in encoder.layers]
    positions = SinusoidTable(encoder.encode_positions.inv_freq)
    return FilterBankBackbone(
        _take_front_end(encoder, extractor), ConformerEncoder(nn.Identity(), positions, layers)
    )


def _take_front_end(encoder: Any, extractor: Any) -> MelSubsampling:
    energies = MelEnergies(
        torch.hann_window(extractor.win_length, periodic=False),
        None,
        extractor.n_fft,
        extractor.mel_filters.T,
        extractor.hop_length,
        centres=False,
    )
    stages: list[list[nn.Conv2d]] = [[]]
    for layer in encoder.subsampling.layers:
        if isinstance(layer, nn.Conv2d):
            stages[-1].append(layer)
        else:  # a ReLU ends a stage
            stages.append([])
    return MelSubsampling(
        energies,
        extractor.preemphasis,
        stages[:-1],
        encoder.subsampling.linear,
        float(encoder.input_scale),
    )


def _take_layer(layer: Any, config: Any) -> ConformerLayer:
    activation = ACTIVATIONS[config.hidden_act]
    first, second = (
        halved(one.linear1, one.linear2, activation)
        for one in (layer.feed_forward1, layer.feed_forward2)
    )
    attention = layer.self_attn
    parts = Projections(
        attention.q_proj,
        attention.k_proj,
        attention.v_proj,
        attention.o_proj,
        config.num_attention_heads,
    )
    half = layer.conv.depthwise_conv.kernel_size[0] // 2
    convolution = ConvModule(
        pointwise(layer.conv.pointwise_conv1),
        unpadded(layer.conv.depthwise_conv, layer.conv.norm),
        None,
        activation,
        pointwise(layer.conv.pointwise_conv2),
        (half, half),
    )
    positions = (attention.bias_u, attention.bias_v, attention.relative_k_proj)
    return ConformerLayer(
        LayerParts(
            (layer.norm_feed_forward1, first),
            (layer.norm_self_att, SinusoidAttention(parts, *positions)),
            (layer.norm_conv, convolution),
            (layer.norm_feed_forward2, second),
            layer.norm_out,
        )
    )


def _refuse(settings: Mapping[str, Any]) -> str | None:
    """Return the reason against the encoder's settings; None: there is none."""
    encoder = settings.get("encoder_config") or {}
    return find_unsupported(cast("Mapping[str, Any]", encoder), _NEEDED_OF_THE_ENCODER)


def _answered_frames(model: Any, inputs: Mapping[str, Any]) -> int:
    """Count the frames of an answer: behind them is a frame of padding alone."""
    mask = inputs["attention_mask"]
    return int(model._get_subsampling_output_length(mask.sum(dim=-1)))


FAMILY = Family(
    "parakeet_ctc",
    "Parakeet",
    convert,
    refuse=_refuse,
    extractor="ParakeetFeatureExtractor",
    answered_frames=_answered_frames,
    other_classes={BASE: "ParakeetEncoder"},
)
