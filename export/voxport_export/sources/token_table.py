"""Tokens of a CTC head by index, as a tokenizer's files list them, and the choice of the blank.

Knows no file format: ``ctc_tokenizer`` and ``fast_tokenizer`` read those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voxport_export.errors import SourceError
from voxport_export.sources.overrides import blank_note, find_label

# Labels of the CTC blank under its own name, which nothing else can mean
BLANKS = ("<blank>", "<blk>", "[blank]")
# More outputs without a token are another model's head; a few pad a head to a round number.
_MOST_UNNAMED = 1 / 8


@dataclass(frozen=True)
class TokenTable:
    """Tokens by index, with their texts in a transcript."""

    file: str  # names the source of the tokens in messages
    tokens: Mapping[int, str]  # as the file spells them
    texts: Mapping[int, str]  # in a transcript; the word delimiter as itself
    delimiter: str | None = None  # the text that becomes a space
    pad: str | None = None  # the tokenizer's padding token
    required: frozenset[int] = frozenset()  # ordinary labels: the head has an output for each


@dataclass(frozen=True)
class Vocabulary:
    """Labels of a CTC head."""

    labels: tuple[str, ...]  # texts in a transcript; empty for outputs without a token
    blank: int
    word_delimiter: str | None
    notes: tuple[str, ...] = ()  # decisions that the files leave open


def build_vocabulary(
    model: str, table: TokenTable, outputs: int, config_pad: int | None, blank: str | None
) -> Vocabulary:
    """Choose the blank and spell every output of a head.

    Args:
        model: names the model in messages.
        table: its tokens.
        outputs: of the head.
        config_pad: ``pad_token_id`` of ``config.json``, if stated.
        blank: the caller's choice of the blank, if any.

    Raises:
        SourceError: the tokens do not fit the head, or the blank is not known.
    """
    _check_fit(model, table, outputs)
    index, notes = _choose_blank(model, table, outputs, config_pad, blank)
    labels = [table.texts.get(i, "") for i in range(outputs)]
    labels[index] = table.tokens.get(index) or BLANKS[0]
    delimiter = table.delimiter
    if delimiter not in labels and labels.count(" ") == 1:
        delimiter = " "
    # The tokenizers' default is a delimiter, which not every vocabulary has.
    is_label = delimiter in labels and labels.index(delimiter or "") != index
    return Vocabulary(tuple(labels), index, delimiter if is_label else None, notes)


def _check_fit(model: str, table: TokenTable, outputs: int) -> None:
    """Refuse the tokens of another model."""
    beyond = sorted(index for index in table.required if index >= outputs)
    if beyond:
        raise SourceError(
            f"{model}: {table.file} does not fit the model's head of {outputs} outputs: the label "
            f"{table.tokens[beyond[0]]!r} has index {beyond[0]} ({len(beyond)} labels are beyond "
            "the head); is it another model's?"
        )
    unnamed = outputs - sum(index < outputs for index in table.tokens)
    if unnamed > max(1, _MOST_UNNAMED * outputs):
        raise SourceError(
            f"{model}: {table.file} does not fit the model's head of {outputs} outputs: {unnamed} "
            "of them have no label; is it another model's?"
        )


def _choose_blank(
    model: str, table: TokenTable, outputs: int, config_pad: int | None, blank: str | None
) -> tuple[int, tuple[str, ...]]:
    """Return the index of the blank, and a note where two files disagree."""
    tokens = [table.tokens.get(i, "") for i in range(outputs)]
    if blank is not None:
        index = find_label(model, tokens, blank)
        return index, (blank_note(tokens, index),)
    for name in BLANKS:
        if name in tokens:
            return tokens.index(name), ()
    pad = tokens.index(table.pad) if table.pad and table.pad in tokens else None
    if config_pad is not None and 0 <= config_pad < outputs:
        # Left at its default by a checkpoint that was never trained in transformers, the field
        # names a letter: no trained model gives up one.
        if pad is None or pad == config_pad or config_pad not in table.required:
            return config_pad, _disagreement(tokens, config_pad, pad)
        return pad, _disagreement(tokens, pad, config_pad)
    if pad is not None:
        return pad, ()
    stated = "names no pad_token" if table.pad is None else f"has no output for {table.pad!r}"
    raise SourceError(
        f"{model}: {table.file} {stated}, and config.json has no pad_token_id within the "
        f"{outputs} outputs, so the blank is not known: name it with --blank LABEL"
    )


def _disagreement(tokens: list[str], chosen: int, other: int | None) -> tuple[str, ...]:
    if other is None or other == chosen:
        return ()
    return (
        f"the blank is {_named(tokens, chosen)}; config.json and the tokenizer disagree, the other "
        f"says {_named(tokens, other)}",
    )


def _named(tokens: list[str], index: int) -> str:
    return f"{tokens[index]!r} (index {index})"
