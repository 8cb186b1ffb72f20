"""Labels, blank and word delimiter of a Hugging Face checkpoint, from its tokenizer's files.

The files are read, not the tokenizer's class: transformers 5 ignores a checkpoint's own word
delimiter (4 did not), and its classes fail on a nested vocabulary without a language. Phoneme
tokenizers put a space behind each phoneme and leave out the word delimiter, as the ``decode`` of
``Wav2Vec2PhonemeCTCTokenizer`` does.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint

_FILE = "vocab.json"
_CONFIG = "tokenizer_config.json"
_PHONEME_CLASS = "Wav2Vec2PhonemeCTCTokenizer"
_CLASSES = ("Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer", _PHONEME_CLASS)

# Tokens by field, with the tokenizers' defaults; those missing from the vocabulary get the indices
# behind it, in this order.
_DEFAULTS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_DELIMITER = "word_delimiter_token"
_MOST_LISTED = 60  # languages in a message


@dataclass(frozen=True)
class Vocabulary:
    """Labels of a CTC head."""

    labels: tuple[str, ...]  # an empty one for outputs without a token
    blank: int
    word_delimiter: str | None


def read_vocabulary(checkpoint: Checkpoint, outputs: int, language: str | None) -> Vocabulary:
    """Read the labels of a head with so many outputs.

    Args:
        checkpoint: gives ``vocab.json`` and the tokenizer's other files.
        outputs: of the head.
        language: of a nested vocabulary; None: the one in ``tokenizer_config.json``.

    Raises:
        SourceError: a file is missing or does not fit; the message names it.
    """
    settings = checkpoint.read_json(_CONFIG) or {}
    kind = settings.get("tokenizer_class") or _CLASSES[0]
    if kind not in _CLASSES:
        raise SourceError(
            f"{checkpoint.model_id}: {_CONFIG}: tokenizer_class {kind!r} is not one of "
            f"{', '.join(_CLASSES)}"
        )
    indices = _read_indices(checkpoint, settings, language)
    marks = _special_tokens(checkpoint, settings)
    tokens = _tokens_by_index(checkpoint, settings, indices, marks)
    blank = _find_blank(checkpoint.model_id, tokens, marks["pad_token"], outputs)
    delimiter = marks[_DELIMITER]
    if kind == _PHONEME_CLASS:
        spelled = {i: "" if token == delimiter else f"{token} " for i, token in tokens.items()}
        spelled[blank] = tokens[blank]
        return Vocabulary(tuple(spelled.get(i, "") for i in range(outputs)), blank, None)
    if settings.get("do_lower_case"):
        tokens = {index: token.lower() for index, token in tokens.items()}
        delimiter = delimiter and delimiter.lower()
    replacement = settings.get("replace_word_delimiter_char", " ")
    if isinstance(replacement, str) and replacement != " " and delimiter is not None:
        tokens = {i: replacement if token == delimiter else token for i, token in tokens.items()}
        delimiter = None
    labels = tuple(tokens.get(i, "") for i in range(outputs))
    # The tokenizers' default is a delimiter, which not every vocabulary has.
    return Vocabulary(labels, blank, delimiter if delimiter in labels else None)


def languages(checkpoint: Checkpoint) -> list[str]:
    """List the languages of a nested ``vocab.json``; none if there is one vocabulary only."""
    content = checkpoint.read_json(_FILE) or {}
    return [name for name, value in content.items() if isinstance(value, dict)]


def check_language(checkpoint: Checkpoint, language: str | None) -> None:
    """Refuse a language missing from a nested vocabulary, and the lack of one.

    Raises:
        SourceError: it is not among the languages; the message lists them.
    """
    known = languages(checkpoint)
    chosen = language or (checkpoint.read_json(_CONFIG) or {}).get("target_lang")
    if not known or chosen in known:
        return
    model = checkpoint.model_id
    if chosen is None:
        raise SourceError(
            f"{model}: holds several languages and names no default: write the model as "
            f"{model}:LANGUAGE, one of {_listed(known, known[0])}"
        )
    raise SourceError(
        f"{model}: has no language {chosen!r} in {_FILE}; there are {_listed(known, str(chosen))}"
    )


def _listed(known: list[str], wanted: str) -> str:
    if len(known) <= _MOST_LISTED:
        return ", ".join(known)
    near = difflib.get_close_matches(wanted, known, n=5, cutoff=0.4) or known[:5]
    return f"{len(known)} of them, such as {', '.join(near)}; {_FILE} lists all"


def _read_indices(
    checkpoint: Checkpoint, settings: Mapping[str, Any], language: str | None
) -> Mapping[str, int]:
    content = checkpoint.require_json(_FILE, "which lists the labels")
    if languages(checkpoint):
        check_language(checkpoint, language)
        content = content[language or settings["target_lang"]]
    for token, index in content.items():
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise SourceError(
                f"{checkpoint.model_id}: {_FILE}: the label {token!r} has index {index!r}, "
                "expected a whole number of at least 0"
            )
    return content


def _special_tokens(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> dict[str, str | None]:
    """Read the special tokens and the word delimiter, by field; a null is none."""
    others = checkpoint.read_json("special_tokens_map.json") or {}
    is_phoneme = settings.get("tokenizer_class") == _PHONEME_CLASS
    defaults = {**_DEFAULTS, _DELIMITER: None if is_phoneme else "|"}
    found: dict[str, str | None] = {}
    for field, default in defaults.items():
        value = settings.get(field, others.get(field, default))
        value = value.get("content") if isinstance(value, dict) else value
        if value is not None and not isinstance(value, str):
            raise SourceError(
                f"{checkpoint.model_id}: {_CONFIG}: {field} is {value!r}, expected a string or null"
            )
        found[field] = value
    return found


def _tokens_by_index(
    checkpoint: Checkpoint,
    settings: Mapping[str, Any],
    indices: Mapping[str, int],
    marks: Mapping[str, str | None],
) -> dict[int, str]:
    """Join the vocabulary with added tokens; the vocabulary comes first, as in ``decode``."""
    tokens = {index: token for token, index in indices.items()}
    added = {
        token: index
        for token, index in (checkpoint.read_json("added_tokens.json") or {}).items()
        if isinstance(index, int)
    }
    decoder = settings.get("added_tokens_decoder")
    for index, entry in decoder.items() if isinstance(decoder, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("content"), str) and index.isdecimal():
            added[entry["content"]] = int(index)
    known = set(tokens.values())
    for token, index in added.items():
        if token not in known:
            tokens.setdefault(index, token)
    known = set(tokens.values())
    free = max(tokens, default=-1) + 1
    for field in _DEFAULTS:
        mark = marks[field]
        if mark is not None and mark not in known:
            tokens[free] = mark
            known.add(mark)
            free += 1
    return tokens


def _find_blank(model: str, tokens: Mapping[int, str], pad: str | None, outputs: int) -> int:
    if pad is None:
        raise SourceError(
            f"{model}: {_CONFIG} names no pad_token, so the blank is not known: expected the "
            "label that the model was trained with as the CTC blank"
        )
    blank = next((index for index, token in tokens.items() if token == pad), outputs)
    if blank >= outputs:
        raise SourceError(
            f"{model}: none of its {outputs} labels is {pad!r}, the blank; {_CONFIG} says how it "
            "is written"
        )
    return blank
