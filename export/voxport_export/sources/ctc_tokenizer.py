"""Tokens of a ``vocab.json``: transformers' character and phoneme tokenizers for CTC.

The files are read, not the tokenizer's class: transformers 5 ignores a checkpoint's own word
delimiter (4 did not), and its classes fail on a nested vocabulary without a language. Phoneme
tokenizers put a space behind each phoneme and leave out the word delimiter, as the ``decode`` of
``Wav2Vec2PhonemeCTCTokenizer`` does.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, cast

from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint
from voxport_export.sources.token_table import TokenTable

FILE = "vocab.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
PHONEME_CLASS = "Wav2Vec2PhonemeCTCTokenizer"
CLASSES = ("Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer", PHONEME_CLASS)

# Tokens by field, with the tokenizers' defaults; those missing from the vocabulary get the indices
# behind it, in this order.
_DEFAULTS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_DELIMITER = "word_delimiter_token"
_DELIMITERS = (_DELIMITER, "phone_delimiter_token")  # never special
_MOST_LISTED = 60  # languages in a message
_MOST_OUTPUTS = 1 << 20  # 100 times as many as any published vocabulary has


def read_ctc_tokenizer(
    checkpoint: Checkpoint, settings: Mapping[str, Any], language: str | None
) -> TokenTable:
    """Read ``vocab.json`` and the files beside it.

    Args:
        checkpoint: gives the files.
        settings: ``tokenizer_config.json``.
        language: of a nested vocabulary; None: the one in ``settings``.

    Raises:
        SourceError: a file is missing or does not fit; the message names it.
    """
    indices = _read_indices(checkpoint, settings, language)
    marks = read_marks(checkpoint, settings, _defaults(settings))
    tokens = _tokens_by_index(checkpoint, settings, indices, marks)
    delimiter = marks[_DELIMITER]
    names = special_names(checkpoint, settings, marks)
    required = frozenset(
        index
        for token, index in indices.items()
        if token not in names and not (token.startswith("<") and token.endswith(">"))
    )
    if settings.get("tokenizer_class") == PHONEME_CLASS:
        texts = {i: "" if token == delimiter else f"{token} " for i, token in tokens.items()}
        return TokenTable(FILE, tokens, texts, None, marks["pad_token"], required)
    if settings.get("do_lower_case"):
        tokens = {index: token.lower() for index, token in tokens.items()}
        delimiter = delimiter and delimiter.lower()
        marks = {**marks, "pad_token": marks["pad_token"] and marks["pad_token"].lower()}
    replacement = settings.get("replace_word_delimiter_char", " ")
    texts = tokens
    if isinstance(replacement, str) and replacement != " " and delimiter is not None:
        texts = {i: replacement if token == delimiter else token for i, token in tokens.items()}
        delimiter = None
    return TokenTable(FILE, tokens, texts, delimiter, marks["pad_token"], required)


def languages(checkpoint: Checkpoint) -> list[str]:
    """List the languages of a nested ``vocab.json``; none if there is one vocabulary only."""
    content = checkpoint.read_json(FILE) or {}
    return [name for name, value in content.items() if isinstance(value, dict)]


def check_language(checkpoint: Checkpoint, language: str | None) -> None:
    """Refuse a language missing from a nested vocabulary, and the lack of one.

    Raises:
        SourceError: it is not among the languages; the message lists them.
    """
    known = languages(checkpoint)
    chosen = language or (checkpoint.read_json(TOKENIZER_CONFIG) or {}).get("target_lang")
    if not known or chosen in known:
        return
    model = checkpoint.model_id
    if chosen is None:
        raise SourceError(
            f"{model}: holds several languages and names no default: write the model as "
            f"{model}:LANGUAGE, one of {_listed(known, known[0])}"
        )
    raise SourceError(
        f"{model}: has no language {chosen!r} in {FILE}; there are {_listed(known, str(chosen))}"
    )


def _listed(known: list[str], wanted: str) -> str:
    if len(known) <= _MOST_LISTED:
        return ", ".join(known)
    near = difflib.get_close_matches(wanted, known, n=5, cutoff=0.4) or known[:5]
    return f"{len(known)} of them, such as {', '.join(near)}; {FILE} lists all"


def read_marks(
    checkpoint: Checkpoint, settings: Mapping[str, Any], defaults: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Read the special tokens and the word delimiter, by field; a null is none.

    transformers reads ``special_tokens_map.json`` last, unless ``tokenizer_config.json`` lists the
    added tokens.
    """
    others = checkpoint.read_json("special_tokens_map.json") or {}
    files = (settings, others) if "added_tokens_decoder" in settings else (others, settings)
    found: dict[str, str | None] = {}
    for field, default in defaults.items():
        value = next((file[field] for file in files if field in file), default)
        value = value.get("content") if isinstance(value, dict) else value
        if value is not None and not isinstance(value, str):
            raise SourceError(
                f"{checkpoint.model_id}: {TOKENIZER_CONFIG}: {field} is {value!r}, expected a "
                "string or null"
            )
        found[field] = value
    return found


def special_names(
    checkpoint: Checkpoint, settings: Mapping[str, Any], marks: Mapping[str, str | None]
) -> set[str]:
    """Collect the special tokens, which a head may lack."""
    found = {mark for field, mark in marks.items() if mark and field not in _DELIMITERS}
    for file in (settings, checkpoint.read_json("special_tokens_map.json") or {}):
        for field, value in file.items():
            if field in marks or field in _DELIMITERS:
                continue
            if field.endswith("_token"):
                found |= _contents([value])
            elif field in ("additional_special_tokens", "extra_special_tokens"):
                listed = list(value.values()) if isinstance(value, dict) else value
                found |= _contents(listed if isinstance(listed, list) else [])
    return found


def _contents(values: list[Any]) -> set[str]:
    contents = (value.get("content") if isinstance(value, dict) else value for value in values)
    return {content for content in contents if isinstance(content, str)}


def _defaults(settings: Mapping[str, Any]) -> dict[str, str | None]:
    is_phoneme = settings.get("tokenizer_class") == PHONEME_CLASS
    return {**_DEFAULTS, _DELIMITER: None if is_phoneme else "|"}


def _read_indices(
    checkpoint: Checkpoint, settings: Mapping[str, Any], language: str | None
) -> Mapping[str, int]:
    content = checkpoint.require_json(FILE, "which lists the labels")
    if languages(checkpoint):
        check_language(checkpoint, language)
        content = content[language or settings["target_lang"]]
    for token, index in content.items():
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < _MOST_OUTPUTS:
            raise SourceError(
                f"{checkpoint.model_id}: {FILE}: the label {token!r} has index {index!r}, "
                "expected a whole number of at least 0"
            )
    return cast("dict[str, int]", content)


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
