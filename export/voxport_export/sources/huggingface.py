"""Hugging Face models of the families Wav2Vec2, HuBERT and WavLM, by id or from a folder.

The weights go into torchaudio's model, which has the same arithmetic; labels, blank, delimiter
and normalisation come from the model's own tokenizer and feature extractor files. MMS models hold
an adapter and a vocabulary for each of many languages: ``facebook/mms-1b-all:fra`` means French.
A model whose class is not one for CTC, as it was pre-trained, is read without a head.
Needs the extra ``huggingface``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

import torchaudio
from torch import nn
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2 import components
from torchaudio.models.wav2vec2.utils.import_huggingface import transform_wavlm_encoder_state

from voxport.errors import MissingDependencyError
from voxport_export.errors import SourceError
from voxport_export.graph.mms_adapter import AdaptedLayer, Adapter
from voxport_export.sources.folder import PREFIX as FOLDER
from voxport_export.sources.source import EagerReference, Source

PREFIX = "huggingface:"
MODEL_TYPES = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}
_CTC = "ForCTC"  # how the classes with a CTC head end

# transformers adds this to the variance in Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm.
_HUGGINGFACE_EPS = 1e-7

# Settings that torchaudio's model has no counterpart for, and the values that need none.
_NEEDED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("gelu",),
    "feat_extract_activation": ("gelu",),
    "feat_proj_layer_norm": (True,),
    "conv_pos_batch_norm": (False,),
    "add_adapter": (False,),
}


def load_huggingface(model_id: str, language: str | None = None) -> Source:
    """Load a model from the Hugging Face hub, its cache, or a folder in its format.

    Args:
        model_id: ``owner/name`` or a folder.
        language: of a model with several, as its own files call it ("fra"); None: its default.

    Raises:
        SourceError: it cannot be loaded, or has parts that torchaudio's model does not.
        MissingDependencyError: transformers is not installed.
    """
    loaded = _load(model_id, language)
    model = _to_torchaudio(loaded.model)
    tokenizer, extractor = loaded.tokenizer, loaded.extractor
    labels, blank, delimiter = (), 0, None
    if tokenizer is not None:
        labels = _labels(tokenizer, loaded.model.config.vocab_size)
        blank = int(tokenizer.pad_token_id)
        if blank >= len(labels):
            raise SourceError(
                f"{model_id}: none of its {len(labels)} labels is {tokenizer.pad_token!r}, the "
                "blank; tokenizer_config.json says how it is written"
            )
        delimiter = _spelled(tokenizer, tokenizer.word_delimiter_token)
    eps = _HUGGINGFACE_EPS if extractor.do_normalize else None
    try:
        return Source(
            name=Path(model_id).name + (f"-{language}" if language else ""),
            origin=_origin(model_id) + (f":{language}" if language else ""),
            licence=_licence(model_id),
            model=model,
            reference=EagerReference(model, eps),
            labels=labels,
            blank=blank,
            # transformers invents a delimiter where the vocabulary has none
            word_delimiter=delimiter if delimiter in labels else None,
            sample_rate=int(extractor.sampling_rate),
            normalize_eps=eps,
        )
    except ValueError as error:
        raise SourceError(f"{model_id}: {error}") from error


def _origin(model_id: str) -> str:
    """How a manifest names the model: a folder is not to be taken for an id on the hub."""
    return (FOLDER if Path(model_id).is_dir() else PREFIX) + model_id


class _Loaded(NamedTuple):
    model: Any  # Wav2Vec2ForCTC, HubertModel ...
    tokenizer: Any  # None without a CTC head
    extractor: Any


def _load(model_id: str, language: str | None) -> _Loaded:
    transformers = _transformers()
    chosen = {} if language is None else {"target_lang": language}
    # With another language the head has another size: transformers replaces it by the adapter's.
    options = {"ignore_mismatched_sizes": True} if chosen else {}
    try:
        config = transformers.AutoConfig.from_pretrained(model_id)
        name = _check(model_id, config, language)
        if name.endswith(_CTC):
            _check_vocabulary(model_id)
        architecture = getattr(transformers, name)
        model, info = architecture.from_pretrained(
            model_id, output_loading_info=True, **chosen, **options
        )
        _check_complete(model_id, info["missing_keys"])
        tokenizer = None
        if name.endswith(_CTC):
            tokenizer = transformers.Wav2Vec2CTCTokenizer.from_pretrained(model_id, **chosen)
        extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(model_id)
        return _Loaded(model.eval(), tokenizer, extractor)
    except SourceError:
        raise
    except Exception as error:  # a damaged or hostile file can fail in any way
        reason = f"transformers cannot load it: {type(error).__name__}: {error}"
        if not Path(model_id).exists():
            reason = f"there is no such folder, and {reason}"
        raise SourceError(f"{model_id}: {reason}") from error


def _check_vocabulary(model_id: str) -> None:
    """Refuse a folder without labels: transformers would fail without a word of what is missing."""
    if Path(model_id).is_dir() and not (Path(model_id) / "vocab.json").is_file():
        raise SourceError(f"{model_id}: there is no vocab.json in it, which lists the labels")


def _check_complete(model_id: str, missing: Iterable[str]) -> None:
    """Refuse a checkpoint that lacks weights: transformers fills them with random numbers."""
    needed = sorted(name for name in missing if not name.endswith("masked_spec_embed"))
    if needed:
        raise SourceError(
            f"{model_id}: the checkpoint has no {needed[0]} ({len(needed)} weights are missing); "
            "is it a model fine-tuned for CTC?"
        )


def _transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            'a Hugging Face model needs transformers: pip install "voxport[export,huggingface]"'
        ) from error
    return transformers


def _check(model_id: str, config: Any, language: str | None) -> str:
    """Return the name of the model's class, if torchaudio's model can hold it."""
    if config.model_type not in MODEL_TYPES:
        raise SourceError(
            f"{model_id}: model type {config.model_type!r} is not one of {list(MODEL_TYPES)}"
        )
    if language is not None and getattr(config, "adapter_attn_dim", None) is None:
        raise SourceError(f"{model_id}: has one language only; leave out :{language}")
    for setting, values in _NEEDED.items():
        value = getattr(config, setting, values[0])
        if value not in values:
            raise SourceError(
                f"{model_id}: {setting} = {value!r} is not supported (only {values[0]!r}): "
                "torchaudio's model has no such part to compare with"
            )
    kind = MODEL_TYPES[config.model_type]
    classes = config.architectures or [kind + _CTC]
    return kind + _CTC if classes[0].endswith(_CTC) else f"{kind}Model"


def _to_torchaudio(original: Any) -> Wav2Vec2Model:
    """Put the weights of a Hugging Face model into torchaudio's."""
    config = original.config
    head = getattr(original, "lm_head", None)
    factory, positions = torchaudio.models.wav2vec2_model, {}
    if config.model_type == "wavlm":
        factory = torchaudio.models.wavlm_model
        positions = {
            "encoder_num_buckets": config.num_buckets,
            "encoder_max_distance": config.max_bucket_distance,
        }
    model = factory(
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
        aux_num_out=None if head is None else config.vocab_size,
    ).eval()
    backbone = getattr(original, original.base_model_prefix, original)
    states = {
        "feature_extractor": backbone.feature_extractor.state_dict(),
        "encoder.feature_projection": backbone.feature_projection.state_dict(),
        "encoder.transformer": backbone.encoder.state_dict(),
    }
    if head is not None:
        states["aux"] = head.state_dict()
    encoder = states["encoder.transformer"]
    if positions:
        transform_wavlm_encoder_state(encoder, config.num_hidden_layers)
    adapters = {name: encoder.pop(name) for name in list(encoder) if ".adapter_layer." in name}
    for name, state in states.items():
        model.get_submodule(name).load_state_dict(state)
    for module in model.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = config.layer_norm_eps
    if adapters:  # whose normalisations have an epsilon of their own
        _adapt(model, adapters, config.adapter_attn_dim)
    return model


def _adapt(model: Wav2Vec2Model, weights: dict[str, Any], bottleneck: int) -> None:
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


def _spelled(tokenizer: Any, label: str | None) -> str | None:
    return label.lower() if label and getattr(tokenizer, "do_lower_case", False) else label


def _labels(tokenizer: Any, outputs: int) -> tuple[str, ...]:
    """Every output's text; one that the tokenizer does not know adds nothing."""
    by_index = {index: label for label, index in tokenizer.get_vocab().items()}
    return tuple(_spelled(tokenizer, by_index.get(i, "")) or "" for i in range(outputs))


def _licence(model_id: str) -> str:
    """The licence that the model card states in its header."""
    text = ""
    folder = Path(model_id)
    if folder.is_dir():
        card = folder / "README.md"
        text = card.read_text(encoding="utf-8") if card.is_file() else ""
    else:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

        try:
            text = Path(hf_hub_download(model_id, "README.md")).read_text(encoding="utf-8")
        except (EntryNotFoundError, HfHubHTTPError, OSError):
            text = ""
    header = text.split("---")[1] if text.startswith("---") and text.count("---") > 1 else ""
    for line in header.splitlines():
        if line.startswith("license:"):
            return line.removeprefix("license:").strip().strip("\"'") or _unstated(model_id)
    return _unstated(model_id)


def _unstated(model_id: str) -> str:
    place = "the folder " if Path(model_id).is_dir() else ""
    return f"not stated in the model card of {place}{model_id}"


def is_huggingface_folder(config: dict[str, object]) -> bool:
    """Say whether a folder's ``config.json`` is that of a transformers model."""
    return "model_type" in config
