"""Hugging Face models, by id or folder: Wav2Vec2, HuBERT, WavLM and UniSpeech.

The reference is transformers' own eager model. For export, its weights go into torchaudio's model,
of the same arithmetic. Labels, blank and delimiter come from the tokenizer's files. MMS models hold
an adapter and a vocabulary for each of many languages: ``facebook/mms-1b-all:fra`` means French. A
model whose class is not one for CTC, as it was pre-trained, is read without a head. A checkpoint's
own code is never run. Needs the extra ``huggingface``.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from voxport.errors import MissingDependencyError
from voxport_export.errors import SourceError
from voxport_export.quiet import quiet_transformers
from voxport_export.sources.checkpoint import CONFIG, Checkpoint
from voxport_export.sources.folder import PREFIX as FOLDER
from voxport_export.sources.source import Source
from voxport_export.sources.torchaudio_weights import to_torchaudio
from voxport_export.sources.unused_weights import check_weights
from voxport_export.sources.vocabulary import Vocabulary, check_language, read_vocabulary

PREFIX = "huggingface:"
MODEL_TYPES = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "Hubert",
    "wavlm": "WavLM",
    "unispeech": "UniSpeech",
    "unispeech-sat": "UniSpeechSat",
}
_CTC = "ForCTC"  # ending of the classes with a CTC head
_EXTRACTORS = ("Wav2Vec2FeatureExtractor", None)

# transformers adds this to the variance in Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm.
_HUGGINGFACE_EPS = 1e-7

# Settings without a counterpart in voxport's graph, and the values that need none. gelu_python is
# the same function as gelu, written out.
_NEEDED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("gelu", "gelu_python"),
    "feat_extract_activation": ("gelu", "gelu_python"),
    "feat_proj_layer_norm": (True,),
    "conv_pos_batch_norm": (False,),
    "add_adapter": (False,),
}


def load_huggingface(
    model_id: str, language: str | None = None, allow_unused: bool = False
) -> Source:
    """Load a model from the Hugging Face hub, its cache, or a folder in its format.

    Args:
        model_id: ``owner/name`` or a folder.
        language: of a model with several, as its own files call it ("fra"); None: its default.
        allow_unused: leave out the checkpoint's unused weights.

    Raises:
        SourceError: it cannot be loaded, or has parts beyond voxport's graph.
        MissingDependencyError: transformers is not installed.
    """
    checkpoint = Checkpoint(model_id)
    with quiet_transformers():
        loaded = _load(checkpoint, language, allow_unused)
    normalizes = bool(loaded.extractor.do_normalize)
    try:
        return Source(
            name=_name(model_id) + (f"-{language}" if language else ""),
            origin=_origin(model_id) + (f":{language}" if language else ""),
            licence=checkpoint.read_licence(),
            model=to_torchaudio(loaded.model),
            reference=TransformersReference(loaded.model, loaded.extractor),
            reference_name=f"eager transformers {_transformers().__version__}",
            labels=loaded.vocabulary.labels,
            blank=loaded.vocabulary.blank,
            word_delimiter=loaded.vocabulary.word_delimiter,
            sample_rate=int(loaded.extractor.sampling_rate),
            normalize_eps=_HUGGINGFACE_EPS if normalizes else None,
            unused_weights=loaded.unused,
        )
    except ValueError as error:
        raise SourceError(f"{model_id}: {error}") from error


class TransformersReference(nn.Module):
    """transformers' eager model behind its own feature extractor."""

    def __init__(self, model: Any, extractor: Any):
        super().__init__()
        self.model = model
        self.extractor = extractor

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map waveform [1, samples] to (emission [1, frames, labels], None)."""
        return self.model(self._values(waveform)).logits, None

    def extract_features(self, waveform: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Map waveform [1, samples] to (every layer's output [1, frames, D], None).

        The layers' own outputs: the model's ``hidden_states`` end in a normalised one.
        """
        backbone = getattr(self.model, self.model.base_model_prefix, self.model)
        found: list[Tensor] = []

        def keep(_module: nn.Module, _inputs: object, output: Any) -> None:
            found.append(output[0] if isinstance(output, tuple) else output)

        hooks = [layer.register_forward_hook(keep) for layer in backbone.encoder.layers]
        try:
            backbone(self._values(waveform))
        finally:
            for hook in hooks:
                hook.remove()
        return found, None

    def _values(self, waveform: Tensor) -> Tensor:
        rate = self.extractor.sampling_rate
        row = waveform[0].cpu().numpy()
        values = self.extractor(row, sampling_rate=rate, return_tensors="pt").input_values
        return values.to(waveform)


def _name(model_id: str) -> str:
    return Path(model_id).resolve().name if Path(model_id).is_dir() else Path(model_id).name


def _origin(model_id: str) -> str:
    """Write the model for a manifest: a folder is not to be taken for an id on the hub."""
    return (FOLDER if Path(model_id).is_dir() else PREFIX) + model_id


class _Loaded(NamedTuple):
    model: Any  # Wav2Vec2ForCTC, HubertModel ...
    extractor: Any
    vocabulary: Vocabulary  # empty without a CTC head
    unused: tuple[str, ...]


def _load(checkpoint: Checkpoint, language: str | None, allow_unused: bool) -> _Loaded:
    model_id = checkpoint.model_id
    settings = checkpoint.require_json(CONFIG, "which describes the model")
    checkpoint.refuse_code()
    name = _check(model_id, settings, language)
    if name.endswith(_CTC):
        checkpoint.require_json("vocab.json", "which lists the labels")
        check_language(checkpoint, language)
    checkpoint.check_weights()
    _check_extractor(checkpoint)
    transformers = _transformers()
    try:
        extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(
            model_id, trust_remote_code=False
        )
        model, info = _load_model(getattr(transformers, name), model_id, language)
        unused = check_weights(
            model_id,
            info["missing_keys"],
            [*info["unexpected_keys"], *_lora_files(checkpoint)],
            allow_unused,
        )
        vocabulary = Vocabulary((), 0, None)
        if name.endswith(_CTC):
            vocabulary = read_vocabulary(checkpoint, model.config.vocab_size, language)
    except SourceError:
        raise
    except Exception as error:  # a damaged or hostile file can fail in any way
        raise SourceError(
            f"{model_id}: transformers cannot load it: {type(error).__name__}: {error}"
        ) from error
    return _Loaded(model.eval(), extractor, vocabulary, unused)


def _load_model(
    architecture: Any, model_id: str, language: str | None
) -> tuple[Any, dict[str, Any]]:
    chosen: dict[str, Any] = {} if language is None else {"target_lang": language}
    # With another language the head has another size: transformers replaces it by the adapter's.
    options = {"ignore_mismatched_sizes": True} if chosen else {}
    model, info = architecture.from_pretrained(
        model_id,
        output_loading_info=True,
        trust_remote_code=False,
        dtype=torch.float32,
        **chosen,
        **options,
    )
    names = (item[0] if isinstance(item, tuple) else item for item in info["mismatched_keys"])
    if resized := sorted(name for name in names if not name.startswith("lm_head.")):
        raise SourceError(f"{model_id}: {resized[0]} has another size than config.json says")
    return model, info


def _lora_files(checkpoint: Checkpoint) -> list[str]:
    """List the file of LoRA matrices beside the weights, ignored by transformers."""
    name = "adapter_config.json"
    return [f"{name} (LoRA)"] if checkpoint.find(name) is not None else []


def _check_extractor(checkpoint: Checkpoint) -> None:
    """Refuse a feature extractor that does not say what the model hears."""
    name = "preprocessor_config.json"
    settings = checkpoint.read_json(name)
    if settings is None:
        name = "processor_config.json"  # as transformers 5 writes it
        settings = (checkpoint.read_json(name) or {}).get("feature_extractor")
    if not isinstance(settings, dict):
        raise SourceError(
            f"{checkpoint.model_id}: there is no preprocessor_config.json in it, which states the "
            "sampling rate and the normalisation"
        )
    kind = settings.get("feature_extractor_type")
    if kind not in _EXTRACTORS:
        raise SourceError(
            f"{checkpoint.model_id}: {name}: feature_extractor_type {kind!r} is not supported "
            f"(only {_EXTRACTORS[0]!r}): the model does not hear a plain waveform"
        )
    rate = settings.get("sampling_rate", 16_000)  # transformers' default
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate == int(rate):
        raise SourceError(
            f"{checkpoint.model_id}: {name}: sampling_rate is {rate!r}, expected a number of Hz"
        )


def _transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            'a Hugging Face model needs transformers: pip install "voxport[export,huggingface]"'
        ) from error
    return transformers


def _check(model_id: str, settings: dict[str, Any], language: str | None) -> str:
    """Return the name of the model's class; refuse models beyond voxport's graph."""
    kind = settings.get("model_type")
    if not isinstance(kind, str) or kind not in MODEL_TYPES:
        raise SourceError(f"{model_id}: model type {kind!r} is not one of {list(MODEL_TYPES)}")
    if language is not None and settings.get("adapter_attn_dim") is None:
        raise SourceError(f"{model_id}: has one language only; leave out :{language}")
    for setting, values in _NEEDED.items():
        value = settings.get(setting, values[0])
        if value not in values:
            raise SourceError(
                f"{model_id}: {setting} = {value!r} is not supported (only "
                f"{' or '.join(map(repr, values))}): voxport's graph has no such part"
            )
    classes = settings.get("architectures") or [MODEL_TYPES[kind] + _CTC]
    is_ctc = str(classes[0]).endswith(_CTC)
    return MODEL_TYPES[kind] + (_CTC if is_ctc else "Model")


def is_huggingface_folder(config: dict[str, object]) -> bool:
    """Return True if a folder's ``config.json`` is a transformers model's."""
    return "model_type" in config
