"""Wav2Vec2-BERT: a filter bank before conformer layers, with or without an adapter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from voxport_export.families.conformer_shaped import (
    ACTIVATIONS,
    take_attention,
    take_layer,
    take_positions,
)
from voxport_export.families.family import Family
from voxport_export.families.torchaudio_shaped import find_backbone
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.bert_adapter import BertAdapter, BertAdapterLayer
from voxport_export.graph.conformer import ConformerEncoder, halved
from voxport_export.graph.feed_forward import FeedForward
from voxport_export.graph.filter_bank import MelEnergies, preemphasis_matrix
from voxport_export.graph.filter_bank_backbone import FilterBankBackbone
from voxport_export.graph.stacked_fbank import StackedFbank

# Constants of SeamlessM4TFeatureExtractor
_HOP_SAMPLES = 160
_FFT_LENGTH = 512
_PREEMPHASIS = 0.97
_INT16_SCALE = 2.0**15


def convert(original: Any, extractor: Any) -> AcousticModel:
    """Map an eager model and its feature extractor to the graph's model."""
    return AcousticModel(
        original,
        getattr(original, "lm_head", None),
        lambda: _build(find_backbone(original), extractor),
    )


def _build(backbone: Any, extractor: Any) -> FilterBankBackbone:
    config, projection = backbone.config, backbone.feature_projection
    encoder = ConformerEncoder(
        nn.Sequential(projection.layer_norm, projection.projection),
        take_positions(config),
        [take_layer(layer, config) for layer in backbone.encoder.layers],
    )
    adapter = None if backbone.adapter is None else _take_adapter(backbone, config)
    return FilterBankBackbone(_take_front_end(extractor), encoder, adapter)


def _take_front_end(extractor: Any) -> StackedFbank:
    window = torch.from_numpy(extractor.window).double()
    energies = MelEnergies(
        window,
        preemphasis_matrix(len(window), _PREEMPHASIS),
        _FFT_LENGTH,
        torch.from_numpy(extractor.mel_filters),
        _HOP_SAMPLES,
        centres=True,
    )
    return StackedFbank(energies, extractor.stride, _INT16_SCALE)


def _take_adapter(backbone: Any, config: Any) -> BertAdapter:
    adapter, between = backbone.adapter, backbone.intermediate_ffn
    projection = nn.Identity()
    if adapter.proj is not None:
        projection = nn.Sequential(adapter.proj, adapter.proj_layer_norm)
    relu = ACTIVATIONS["relu"]
    return BertAdapter(
        None if between is None else halved(between.intermediate_dense, between.output_dense, relu),
        projection,
        [_take_adapter_layer(layer, config) for layer in adapter.layers],
    )


def _take_adapter_layer(layer: Any, config: Any) -> BertAdapterLayer:
    feed_forward = FeedForward(
        layer.ffn.intermediate_dense, layer.ffn.output_dense, ACTIVATIONS[config.adapter_act]
    )
    return BertAdapterLayer(
        (layer.residual_layer_norm, layer.residual_conv),
        (layer.self_attn_layer_norm, layer.self_attn_conv),
        take_attention(layer.self_attn),
        (layer.ffn_layer_norm, feed_forward),
    )


FAMILY = Family(
    "wav2vec2-bert",
    "Wav2Vec2Bert",
    convert,
    needed={
        "hidden_act": ("swish", "silu", "gelu", "gelu_python", "relu"),
        "adapter_act": ("relu", "gelu", "swish", "silu", "gelu_python"),
        "position_embeddings_type": ("relative_key", "relative", "rotary", None),
    },
    extractor="SeamlessM4TFeatureExtractor",
)
