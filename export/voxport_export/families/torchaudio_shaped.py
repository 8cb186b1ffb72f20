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
from voxport_export.graph.conv_adapter import ConvAdapter
from voxport_export.graph.conv_backbone import ConvBackbone
from voxport_export.graph.mms_adapter import AdaptedLayer, Adapter
from voxport_export.graph.positional_stack import PositionalStack

# gelu_python is the same function as gelu, written out.
GELU = ("gelu", "gelu_python")
NEEDED: dict[str, tuple[Any, ...]] = {
    "hidden_act": GELU,
    "feat_extract_activation": GELU,
    "feat_proj_layer_norm": (True,),
    "conv_pos_batch_norm": (False,),
}


def convert(original: Any, extractor: Any) -> AcousticModel:
    """Map a transformers model and its feature extractor to the graph's model."""
    eps = normalize_eps(extractor)
    model = to_torchaudio(original)
    adapter = getattr(find_backbone(original), "adapter", None)
    if adapter is None:
        return AcousticModel.from_torchaudio(model, eps)
    return AcousticModel(
        original,
        getattr(original, "lm_head", None),
        lambda: ConvBackbone.from_torchaudio(model, eps, take_adapter(adapter)),
    )


def find_backbone(original: Any) -> Any:
    """Return the model without its head."""
    return getattr(original, original.base_model_prefix, original)


def take_adapter(adapter: Any) -> ConvAdapter:
    """Take the adapter of ``add_adapter`` apart."""
    projection = nn.Identity()
    if adapter.proj is not None:
        projection = nn.Sequential(adapter.proj, adapter.proj_layer_norm)
    return ConvAdapter(projection, [layer.conv for layer in adapter.layers])


def to_torchaudio(original: Any) -> Wav2Vec2Model:
    """Put the weights of a transformers model into torchaudio's."""
    config = original.config
    backbone = find_backbone(original)
    # Of a model with an adapter, the head is not behind the encoder.
    has_head = hasattr(original, "lm_head") and getattr(backbone, "adapter", None) is None
    model = _build(config, has_head)
    states = {
        "feature_extractor": backbone.feature_extractor.state_dict(),
        "encoder.feature_projection": backbone.feature_projection.state_dict(),
        "encoder.transformer": backbone.encoder.state_dict(),
    }
    if has_head:
        states["aux"] = original.lm_head.state_dict()
    encoder = states["encoder.transformer"]
    if config.model_type == "wavlm":
        transform_wavlm_encoder_state(encoder, config.num_hidden_layers)
    if config.model_type == "data2vec-audio":
        _stack_positions(model, backbone.encoder.pos_conv_embed, encoder)
    adapters = {name: encoder.pop(name) for name in list(encoder) if ".adapter_layer." in name}
    for name, state in states.items():
        model.get_submodule(name).load_state_dict(state, assign=True)
    for module in model.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = config.layer_norm_eps
    if adapters:  # their normalisations have an epsilon of their own
        _add_adapters(model, adapters, config.adapter_attn_dim)
    return model


def _stack_positions(model: Wav2Vec2Model, embedding: Any, encoder: dict[str, Any]) -> None:
    """Put data2vec's stack of positional convolutions in the place of torchaudio's one."""
    stack = PositionalStack(
        [layer.conv for layer in embedding.layers], embedding.layers[0].layer_norm.eps
    )
    cast("nn.Module", model.encoder.transformer).add_module("pos_conv_embed", stack)
    for name in [name for name in encoder if name.startswith("pos_conv_embed.")]:
        del encoder[name]
    encoder.update(
        {f"pos_conv_embed.{name}": weight for name, weight in stack.state_dict().items()}
    )


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
        extractor_mode=f"{getattr(config, 'feat_extract_norm', 'layer')}_norm",
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
        encoder_layer_norm_first=getattr(config, "do_stable_layer_norm", False),
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
