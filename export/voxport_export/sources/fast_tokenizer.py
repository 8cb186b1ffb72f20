"""Tokens of a ``tokenizer.json``, the file of the tokenizers library, without that library.

Word pieces begin words with ``▁``, a space in a transcript. A label's text is what the file's own
decoder makes of it alone; decoders that need several tokens for one character are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint
from voxport_export.sources.ctc_tokenizer import read_marks, special_names
from voxport_export.sources.token_table import TokenTable

FILE = "tokenizer.json"
SPACE = "\u2581"  # ▁
_MARKS = ("bos_token", "eos_token", "unk_token", "pad_token")
_BYTES = [f"<0x{value:02X}>" for value in range(256)]

Spell = Callable[[str], str]


def read_fast_tokenizer(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> TokenTable:
    """Read ``tokenizer.json``.

    Args:
        checkpoint: gives the file.
        settings: ``tokenizer_config.json``.

    Raises:
        SourceError: the file is missing, damaged, or its decoder is not supported.
    """
    content = checkpoint.require_json(FILE, "which lists the labels")
    model = checkpoint.model_id
    vocabulary = _read_vocabulary(model, content)
    added = _read_added(model, content)
    marks = read_marks(checkpoint, settings, dict.fromkeys(_MARKS))
    names = special_names(checkpoint, settings, marks)
    tokens = {**vocabulary, **{index: token for index, (token, _) in added.items()}}
    spell = _spelling(model, content.get("decoder"), tokens)
    specials = frozenset(
        index for index, token in tokens.items() if added.get(index, ("", False))[1]
    ) | frozenset(index for index, token in tokens.items() if token in names)
    texts = {
        index: token if index in added and SPACE not in token else spell(token)
        for index, token in tokens.items()
    }
    delimiter = " " if list(texts.values()).count(" ") == 1 else None
    required = frozenset(vocabulary) - specials
    return TokenTable(FILE, tokens, texts, delimiter, _pad(content, marks), required)


def _pad(content: Mapping[str, Any], marks: Mapping[str, str | None]) -> str | None:
    decoder = content.get("decoder")
    if isinstance(decoder, dict) and decoder.get("type") == "CTC":
        pad = decoder.get("pad_token")
        return pad if isinstance(pad, str) else marks["pad_token"]
    return marks["pad_token"]


def _read_vocabulary(model: str, content: Mapping[str, Any]) -> dict[int, str]:
    """Return the tokens of a WordLevel, BPE or Unigram model by index."""
    part = content.get("model")
    listed = part.get("vocab") if isinstance(part, dict) else None
    if isinstance(listed, dict):
        pairs = [(index, token) for token, index in listed.items()]
    elif isinstance(listed, list):
        pairs = [
            (index, entry[0] if isinstance(entry, list) and entry else None)
            for index, entry in enumerate(listed)
        ]
    else:
        raise SourceError(f"{model}: {FILE}: model.vocab lists no labels")
    found: dict[int, str] = {}
    for index, token in pairs:
        if type(index) is not int or index < 0 or not isinstance(token, str) or index in found:
            raise SourceError(
                f"{model}: {FILE}: the label {token!r} has index {index!r}, expected a "
                "string and a whole number of its own"
            )
        found[index] = token
    return found


def _read_added(model: str, content: Mapping[str, Any]) -> dict[int, tuple[str, bool]]:
    """Return added tokens by index, each with its special flag."""
    found: dict[int, tuple[str, bool]] = {}
    for entry in content.get("added_tokens") or ():
        index = entry.get("id") if isinstance(entry, dict) else None
        token = entry.get("content") if isinstance(entry, dict) else None
        if type(index) is not int or not isinstance(token, str):
            raise SourceError(
                f"{model}: {FILE}: added_tokens holds {entry!r}, expected id and content"
            )
        found[index] = (token, bool(entry.get("special")))
    return found


def _spelling(model: str, decoder: object, tokens: Mapping[int, str]) -> Spell:
    """Return the text of a token alone, by the file's decoder."""
    if decoder is None:
        return lambda token: f"{token} "  # the library then joins tokens by spaces
    steps = cast("dict[str, Any]", decoder) if isinstance(decoder, dict) else {}
    parts = steps.get("decoders") if steps.get("type") == "Sequence" else [steps]
    spells = [_step(model, part, tokens) for part in parts or []]

    def spell(token: str) -> str:
        for one in spells:
            token = one(token)
        return token

    return spell


def _step(model: str, step: Any, tokens: Mapping[int, str]) -> Spell:
    """Return one step of a decoder as a function of one token."""
    kind = step.get("type") if isinstance(step, dict) else None
    if kind == "Metaspace":
        mark = step.get("replacement", SPACE)
        return lambda token: token.replace(mark, " ")
    if kind == "CTC":
        mark = step.get("word_delimiter_token", "|") if step.get("cleanup", True) else None
        return lambda token: token if mark is None else token.replace(mark, " ")
    if kind == "Replace" and isinstance(step.get("pattern", {}).get("String"), str):
        pattern, text = step["pattern"]["String"], str(step.get("content", ""))
        return lambda token: token.replace(pattern, text)
    if kind in ("Fuse", "Strip"):  # of the whole text: its leading spaces are dropped
        return lambda token: token
    if kind == "ByteFallback" and not set(_BYTES).intersection(tokens.values()):
        return lambda token: token
    raise SourceError(
        f"{model}: {FILE}: the decoder {kind!r} is not supported: expected one that spells each "
        "token alone (Metaspace, CTC, Replace, Fuse, Strip)"
    )
