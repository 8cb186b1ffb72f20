"""The language model that a Hugging Face checkpoint brings for its decoder.

``Wav2Vec2ProcessorWithLM`` saves ``alphabet.json`` and the folder ``language_model``: a KenLM
binary or an ARPA file, ``unigrams.txt`` and ``attrs.json``. All of it is checked here against the
checkpoint's labels, so that no package holds one that cannot be used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from voxport.decoding.kenlm_header import check_kenlm_header, is_kenlm_binary
from voxport.decoding.language_model import ArpaModel, KenlmModel
from voxport.errors import VoxportError
from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint
from voxport_export.sources.token_table import Vocabulary

FOLDER = "language_model"
_ALPHABET, _ATTRIBUTES, _WORDS = "alphabet.json", "attrs.json", "unigrams.txt"
_WEIGHTS = ("alpha", "beta", "unk_score_offset")
_BOUNDARY = "score_boundary"
_LARGEST_WEIGHT = 1e6
_UNKNOWN = "⁇"  # the unknown token in an alphabet
_ARPA_START = b"\\data\\"


@dataclass(frozen=True)
class CheckpointLanguageModel:
    """Files and settings of a checkpoint's language model, all checked."""

    model: Path
    ending: str  # ".bin", ".arpa" or ".arpa.gz", by its content
    unigrams: Path
    labels: tuple[str, ...]  # text of each label in words
    alpha: float
    beta: float
    unknown_score_offset: float
    score_boundary: bool


def read_checkpoint_language_model(
    checkpoint: Checkpoint, vocabulary: Vocabulary
) -> CheckpointLanguageModel | None:
    """Read and check a checkpoint's language model; None if it brings none.

    Raises:
        SourceError: one of its files is missing, damaged, or does not fit; the message names it.
    """
    files = {path.name: path for path in checkpoint.list_folder(FOLDER)}
    if not files:
        return None
    name = checkpoint.model_id
    labels = _read_alphabet(checkpoint, vocabulary)
    for required in (_ATTRIBUTES, _WORDS):
        if required not in files:
            raise SourceError(f"{name}: there is no {FOLDER}/{required} in it")
    attributes = _read_attributes(checkpoint)
    models = [path for file, path in sorted(files.items()) if file not in (_ATTRIBUTES, _WORDS)]
    if len(models) != 1:
        found = ", ".join(path.name for path in models) or "none"
        raise SourceError(
            f"{name}: {FOLDER}: expected one language model beside {_ATTRIBUTES} and {_WORDS}, "
            f"found {found}"
        )
    _check_words(name, files[_WORDS])
    return CheckpointLanguageModel(
        model=models[0],
        ending=_check_model(name, models[0]),
        unigrams=files[_WORDS],
        labels=labels,
        alpha=float(attributes["alpha"]),
        beta=float(attributes["beta"]),
        unknown_score_offset=float(attributes["unk_score_offset"]),
        score_boundary=bool(attributes[_BOUNDARY]),
    )


def _read_alphabet(checkpoint: Checkpoint, vocabulary: Vocabulary) -> tuple[str, ...]:
    where = f"{checkpoint.model_id}: {_ALPHABET}"
    content = checkpoint.require_json(_ALPHABET, f"which says how {FOLDER} spells the labels")
    labels = content.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise SourceError(f"{where}: labels must be a list of strings")
    if content.get("is_bpe") is not False:
        raise SourceError(
            f"{where}: is_bpe is {content.get('is_bpe')!r}, and word pieces are not searched with "
            f"a language model: leave it out with --no-lm"
        )
    if len(labels) != len(vocabulary.labels):
        raise SourceError(
            f"{where}: has {len(labels)} labels, and the model {len(vocabulary.labels)} outputs: "
            "it is of another model"
        )
    for index, (label, own) in enumerate(zip(labels, vocabulary.labels, strict=True)):
        expected = _expected(index, label, own, vocabulary)
        if label != expected:
            raise SourceError(
                f"{where}: label {index} is {label!r}, and the tokenizer has {own!r} there "
                f"(expected {expected!r}): it is of another model"
            )
    return tuple(labels)


def _expected(index: int, label: str, own: str, vocabulary: Vocabulary) -> str:
    """Return the text of a label in the alphabet of this vocabulary."""
    if index == vocabulary.blank:
        return ""
    if own == vocabulary.word_delimiter:
        return " "
    is_same = label.casefold() == own.strip().casefold()
    # A label that the tokenizer's own decoding drops or replaces is a special token.
    is_special = label == _UNKNOWN or (own in ("", _UNKNOWN) and label not in ("", " "))
    return label if is_same or is_special else own


def _read_attributes(checkpoint: Checkpoint) -> Mapping[str, Any]:
    place = f"{FOLDER}/{_ATTRIBUTES}"
    attributes = checkpoint.require_json(place, "which holds its weights")
    for name in _WEIGHTS:
        value = attributes.get(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or (not math.isfinite(value) or abs(value) > _LARGEST_WEIGHT)
        ):
            raise SourceError(
                f"{checkpoint.model_id}: {place}: {name} must be a finite number, got {value!r}"
            )
    if attributes["alpha"] < 0:
        raise SourceError(
            f"{checkpoint.model_id}: {place}: alpha must be at least 0, got {attributes['alpha']!r}"
        )
    if not isinstance(attributes.get(_BOUNDARY), bool):
        raise SourceError(
            f"{checkpoint.model_id}: {place}: {_BOUNDARY} must be true or false, got "
            f"{attributes.get(_BOUNDARY)!r}"
        )
    return attributes


def _check_words(name: str, path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except ValueError as error:
        raise SourceError(f"{name}: {FOLDER}/{_WORDS}: is not UTF-8: {error}") from None
    except OSError as error:
        raise SourceError(f"{name}: {FOLDER}/{_WORDS} cannot be read: {error.strerror}") from None


def _check_model(name: str, path: Path) -> str:
    """Return the ending for the model's kind, found in its content; refuse what is none."""
    try:
        ending = _ending(path)
        if ending == ".bin":
            check_kenlm_header(path)
            if find_spec("kenlm"):
                KenlmModel(path)
        else:
            ArpaModel(path)
    except OSError as error:
        raise SourceError(
            f"{name}: {FOLDER}/{path.name} cannot be read: {error.strerror}"
        ) from None
    except VoxportError as error:
        raise SourceError(f"{name}: {FOLDER}/{path.name}: {error.reason}") from None
    return ending


def _ending(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(1 << 12)
    if path.name.endswith(".arpa.gz"):
        return ".arpa.gz"
    if is_kenlm_binary(head) or not (path.suffix == ".arpa" or _ARPA_START in head):
        return ".bin"
    return ".arpa"
