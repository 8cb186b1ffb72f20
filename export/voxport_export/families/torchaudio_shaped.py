"""Families of torchaudio's shape: transformers' eager model becomes torchaudio's.

The arithmetic is the same, and the weights are shared, not copied. torchaudio has no attention
adapters: they come from ``graph.mms_adapter``.
"""

from __future__ import annotations

from typing import Any, cast

import torchaudio
from torch import nn
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2 import components
from torchaudio.models.wav2vec2.utils.import_huggingface import transform_wavlm_encoder_state

from voxport_export.families.family import normalize_eps
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.mms_adapter import AdaptedLayer, Adapter

# gelu_python is the same function as gelu, written out.
GELU = ("gelu", "gelu_python")
NEEDED: dict[str, tuple[Any, ...]] = {
    "hidden_act": GELU,
    "feat_extract_activation": GELU,
    "feat_proj_layer_norm": (True,),
    "conv_pos_batch_norm": (False,),
    "add_adapter": (False,),
}


def convert(original: Any, extractor: Any) -> AcousticModel:
    """Map a transformers model and its feature extractor to the graph's model."""
    return AcousticModel.from_torchaudio(to_torchaudio(original), normalize_eps(extractor))


def to_torchaudio(original: Any) -> Wav2Vec2Model:
    """Put the weights of a transformers model into torchaudio's."""
    config = original.config
    model = _build(config, has_head=hasattr(original, "lm_head"))
    backbone = getattr(original, original.base_model_prefix, original)
    states = {
        "feature_extractor": backbone.feature_extractor.state_dict(),
        "encoder.feature_projection": backbone.feature_projection.state_dict(),
        "encoder.transformer": backbone.encoder.state_dict(),
    }
    if hasattr(original, "lm_head"):
        states["aux"] = original.lm_head.state_dict()
    encoder = states["encoder.transformer"]
    if config.model_type == "wavlm":
        transform_wavlm_encoder_state(encoder, config.num_hidden_layers)
    adapters = {name: encoder.pop(name) for name in list(encoder) if ".adapter_layer." in name}
    for name, state in states.items():
        model.get_submodule(name).load_state_dict(state, assign=True)
    for module in model.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = config.layer_norm_eps
    if adapters:  # their normalisations have an epsilon of their own
        _add_adapters(model, adapters, config.adapter_attn_dim)
    return model


def _build(config: Any, has_head: bool) -> Wav2Vec2Model:
    factory, positions = torchaudio.models.wav2vec2_model, {}
    if config.model_type == "wavlm":
        factory = torchaudio.models.wavlm_model
        positions = {
            "encoder_num_buckets": config.num_buckets,
            "encoder_max_distance": config.max_bucket_distance,
        }
    return factory(
        **positions,
        extractor_mode=f"{config.feat_extract_norm}_norm",
        extractor_conv_layer_config=list(
            zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True)
        ),
        extractor_conv_bias=config.conv_bias,
        encoder_embed_dim=config.hidden_size,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=config.num_conv_pos_embeddings,
        encoder_pos_conv_groups=config.num_conv_pos_embedding_groups,
        encoder_num_layers=config.num_hidden_layers,
        encoder_num_heads=config.num_attention_heads,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=config.intermediate_size,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=config.do_stable_layer_norm,
        encoder_layer_drop=0.0,
        aux_num_out=config.vocab_size if has_head else None,
    ).eval()


def _add_adapters(model: Wav2Vec2Model, weights: dict[str, Any], bottleneck: int) -> None:
    """Put an adapter behind each encoder layer; weights are ``layers.N.adapter_layer.…``."""
    layers = cast("nn.ModuleList", model.encoder.get_submodule("transformer.layers"))
    for index, layer in enumerate(layers):
        layer = cast("components.EncoderLayer", layer)
        adapter = Adapter(layer.final_layer_norm.normalized_shape[0], bottleneck)
        prefix = f"layers.{index}.adapter_layer."
        adapter.load_state_dict(
            {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        )
        layers[index] = AdaptedLayer(layer, adapter.eval())
