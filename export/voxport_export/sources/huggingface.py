"""Hugging Face models, by id or folder, of every family in ``voxport_export.families``.

The reference is transformers' own eager model. Labels, blank and delimiter come from the
tokenizer's files. MMS models hold an adapter and a vocabulary for each of many languages:
``facebook/mms-1b-all:fra`` means French. A model whose class is not one for CTC, as it was
pre-trained, is read without a head. A checkpoint's own code is never run. Needs the extra
``huggingface``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from voxport.errors import MissingDependencyError
from voxport_export.errors import SourceError
from voxport_export.families.family import BASE, CTC, Family, normalize_eps
from voxport_export.families.registry import all_families
from voxport_export.graph.heads import Head
from voxport_export.quiet import quiet_transformers
from voxport_export.sources.checkpoint import CONFIG, Checkpoint
from voxport_export.sources.extractor import build_extractor, read_extractor
from voxport_export.sources.folder import PREFIX as FOLDER
from voxport_export.sources.language_model import read_checkpoint_language_model
from voxport_export.sources.overrides import NO_OVERRIDES, Overrides
from voxport_export.sources.source import Source
from voxport_export.sources.task_heads import (
    build_head,
    check_settings,
    find_ending,
    has_normalized_last_state,
    pools_frames,
    read_labels,
)
from voxport_export.sources.unused_weights import check_weights
from voxport_export.sources.vocabulary import (
    NO_VOCABULARY,
    Vocabulary,
    check_language,
    check_tokenizer,
    read_vocabulary,
)
from voxport_export.sources.weight_files import check_weight_files

PREFIX = "huggingface:"
_WAVEFORM_EXTRACTOR = "Wav2Vec2FeatureExtractor"


def load_huggingface(
    model_id: str,
    language: str | None = None,
    allow_unused: bool = False,
    overrides: Overrides = NO_OVERRIDES,
) -> Source:
    """Load a model from the Hugging Face hub, its cache, or a folder in its format.

    Args:
        model_id: ``owner/name`` or a folder.
        language: of a model with several, as its own files call it ("fra"); None: its default.
        allow_unused: leave out the checkpoint's unused weights.
        overrides: the blank and the normalisation, where the caller states them.

    Raises:
        SourceError: it cannot be loaded, or has parts beyond voxport's graph.
        MissingDependencyError: transformers is not installed.
    """
    checkpoint = Checkpoint(model_id)
    with quiet_transformers():
        loaded = _load(checkpoint, language, allow_unused, overrides)
    try:
        return Source(
            name=_name(model_id) + (f"-{language}" if language else ""),
            origin=_origin(model_id) + (f":{language}" if language else ""),
            licence=checkpoint.read_licence(),
            model=loaded.family.convert(loaded.model, loaded.extractor),
            answers=loaded.head,
            reference=TransformersReference(loaded.model, loaded.extractor, loaded.family),
            reference_name=_reference_name(loaded),
            labels=loaded.vocabulary.labels,
            blank=loaded.vocabulary.blank,
            word_delimiter=loaded.vocabulary.word_delimiter,
            sample_rate=int(loaded.extractor.sampling_rate),
            normalize_eps=normalize_eps(loaded.extractor),
            unused_weights=loaded.unused,
            notes=loaded.notes,
            read_language_model=partial(
                read_checkpoint_language_model, checkpoint, loaded.vocabulary
            ),
        )
    except ValueError as error:
        raise SourceError(f"{model_id}: {error}") from error


class TransformersReference(nn.Module):
    """transformers' eager model behind its own feature extractor."""

    def __init__(self, model: Any, extractor: Any, family: Family):
        super().__init__()
        self.model = model
        self.extractor = extractor
        self.family = family

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map waveform [1, samples] to (emission [1, frames, labels], None).

        Of other tasks, to (logits [1, labels], logits [1, frames, labels] or embedding [1, D],
        None).
        """
        inputs = self._inputs(waveform)
        found = self.model(**inputs)
        if hasattr(found, "embeddings"):
            return found.embeddings, None
        if found.logits.dim() == 2:
            return found.logits, None
        frames = self.family.answered_frames(self.model, inputs)
        return found.logits[:, :frames], None

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
            inputs = self._inputs(waveform)
            backbone(**inputs)
        finally:
            for hook in hooks:
                hook.remove()
        frames = self.family.answered_frames(self.model, inputs)
        return [layer[:, :frames] for layer in found], None

    def _inputs(self, waveform: Tensor) -> dict[str, Tensor]:
        """Return the model's inputs; a mask beside features, which an extractor may pad itself."""
        rate = self.extractor.sampling_rate
        row = waveform[0].cpu().numpy()
        values = self.extractor(row, sampling_rate=rate, return_tensors="pt")
        if "input_values" in values:
            return {"input_values": values.input_values.to(waveform)}
        return {name: value.to(waveform.device) for name, value in values.items()}


def _name(model_id: str) -> str:
    return Path(model_id).resolve().name if Path(model_id).is_dir() else Path(model_id).name


def _origin(model_id: str) -> str:
    """Write the model for a manifest: a folder is not to be taken for an id on the hub."""
    return (FOLDER if Path(model_id).is_dir() else PREFIX) + model_id


class _Loaded(NamedTuple):
    family: Family
    model: Any  # Wav2Vec2ForCTC, HubertModel ...
    extractor: Any
    vocabulary: Vocabulary  # empty without a CTC head; labels of another task's head
    unused: tuple[str, ...]
    notes: tuple[str, ...]  # decisions that the checkpoint's files leave open
    head: Head | None = None  # of another task than transcription


def _reference_name(loaded: _Loaded) -> str:
    name = f"eager transformers {_transformers().__version__}"
    if getattr(loaded.model.config, _NORMALIZED_LAST_STATE, False):
        return f"{name} (its last hidden state normalised, as by the version that wrote the model)"
    return name


def _load(
    checkpoint: Checkpoint, language: str | None, allow_unused: bool, overrides: Overrides
) -> _Loaded:
    model_id = checkpoint.model_id
    settings = checkpoint.require_json(CONFIG, "which describes the model")
    checkpoint.refuse_code()
    family = _find_family(model_id, settings, language)
    ending = CTC if _is_ctc(family, settings) else find_ending(settings) or BASE
    if ending == CTC:
        check_tokenizer(checkpoint)
        check_language(checkpoint, language)
    elif ending != BASE:
        check_settings(model_id, ending, settings)
        if family.extractor != _WAVEFORM_EXTRACTOR and pools_frames(ending):
            raise SourceError(
                f"{model_id}: {family.class_name(ending)} is not exported: it pools the frames in "
                f"the mask of {family.extractor}, which are not those of its answer"
            )
        if language is not None:
            raise SourceError(
                f"{model_id}: its head is one for all languages; leave out :{language}"
            )
    checkpoint.check_weights()
    check_weight_files(checkpoint)
    heard, notes = read_extractor(checkpoint, settings, family.extractor, overrides.normalize)
    transformers = _transformers()
    try:
        extractor = build_extractor(checkpoint, family.extractor, heard)
        architecture = getattr(transformers, family.class_name(ending))
        model, info = _load_model(architecture, model_id, language)
        unused = check_weights(
            model_id,
            info["missing_keys"],
            [*info["unexpected_keys"], *_lora_files(checkpoint)],
            allow_unused,
        )
        vocabulary, head = NO_VOCABULARY, None
        if ending == CTC:
            outputs = model.config.vocab_size
            vocabulary = read_vocabulary(checkpoint, outputs, language, overrides.blank)
        elif ending != BASE:
            head = _build_head(model, ending, settings)
            labels = read_labels(model_id, ending, settings, head.width)
            vocabulary = replace(NO_VOCABULARY, labels=tuple(labels))
    except SourceError:
        raise
    except Exception as error:  # a damaged or hostile file can fail in any way
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{model_id}: transformers cannot load it as {CONFIG} describes it: "
            f"{type(error).__name__}: {reason}"
        ) from error
    notes = (*notes, *vocabulary.notes)
    return _Loaded(family, model.eval(), extractor, vocabulary, unused, notes, head)


# A setting of transformers from 5.16 on: hidden states end in the encoder's output
_NORMALIZED_LAST_STATE = "tie_last_hidden_states"


def _build_head(model: Any, ending: str, settings: dict[str, Any]) -> Head:
    """Build the graph's head, and make the eager model answer as the version that wrote it did."""
    config = model.config
    # Elsewhere the last layer's output is the encoder's.
    has_last_norm = (
        getattr(config, "do_stable_layer_norm", False) or config.model_type == "wav2vec2-conformer"
    )
    is_normalized = (
        config.use_weighted_layer_sum
        and has_last_norm
        and has_normalized_last_state(settings, _transformers().__version__)
    )
    if is_normalized:
        setattr(config, _NORMALIZED_LAST_STATE, True)
    return build_head(model, ending, ends_in_output=is_normalized)


def _load_model(
    architecture: Any, model_id: str, language: str | None
) -> tuple[Any, dict[str, Any]]:
    chosen: dict[str, Any] = {} if language is None else {"target_lang": language}
    model, info = architecture.from_pretrained(
        model_id,
        output_loading_info=True,
        trust_remote_code=False,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # they are refused here, by name
        **chosen,
    )
    # With another language the head has another size: transformers replaces it by the adapter's.
    resized = [
        item
        for item in map(_mismatch, info["mismatched_keys"])
        if not (chosen and item[0].startswith("lm_head."))
    ]
    if resized:
        name, *sizes = min(resized)
        found, stated = (" x ".join(map(str, size)) or "another" for size in sizes)
        raise SourceError(
            f"{model_id}: {name} has another size than {CONFIG} says: {found} in the weights, "
            f"{stated} by {CONFIG}"
        )
    return model, info


def _mismatch(item: Any) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Return the name, the stored and the stated size of a weight; older versions give names."""
    if not isinstance(item, tuple):
        return str(item), (), ()
    return str(item[0]), tuple(item[1]), tuple(item[2])


def _lora_files(checkpoint: Checkpoint) -> list[str]:
    """List the file of LoRA matrices beside the weights, ignored by transformers."""
    name = "adapter_config.json"
    return [f"{name} (LoRA)"] if checkpoint.find(name) is not None else []


def _transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            'a Hugging Face model needs transformers: pip install "voxport[export,huggingface]"'
        ) from error
    return transformers


def _find_family(model_id: str, settings: dict[str, Any], language: str | None) -> Family:
    """Return the family of a model; refuse models beyond voxport's graph."""
    kind = settings.get("model_type")
    families = all_families()
    if not isinstance(kind, str) or kind not in families:
        raise SourceError(
            f"{model_id}: {CONFIG}: model type {kind!r} is not one of {list(families)}"
        )
    if language is not None and settings.get("adapter_attn_dim") is None:
        raise SourceError(f"{model_id}: has one language only; leave out :{language}")
    if reason := families[kind].reason_against(settings):
        raise SourceError(f"{model_id}: {reason}")
    return families[kind]


def _is_ctc(family: Family, settings: dict[str, Any]) -> bool:
    """Return True for a model with a CTC head; a config that names no class has one."""
    classes = settings.get("architectures") or [family.class_name(CTC)]
    return str(classes[0]).endswith(CTC)


def is_huggingface_folder(config: dict[str, object]) -> bool:
    """Return True if a folder's ``config.json`` is a transformers model's."""
    return "model_type" in config
