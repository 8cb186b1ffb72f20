"""A text in a model's labels, for alignment: what is spelled, what is not, and which word is where.

Case is the labels' own, accents that no label has are left off, typographic apostrophes become the
plain one, dashes part words, and other punctuation makes no sound. All else that no label spells
(digits, symbols, other scripts) is said aloud by somebody: a star holds its place, which fits any
sound, and it is reported. A word that is only ``*`` is a star that the text asks for, for what it
leaves out. Knows labels and characters; no audio and no frames.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from voxport.errors import AlignmentError
from voxport.package.manifest import ModelInfo

STAR = "*"

# Quotation marks, the modifier letter, the full-width form, the grave and the acute accent.
_APOSTROPHES = "'\u2019\u2018\u02bc\uff07`\u00b4"
_SAID = "&%@#*/\\§"  # punctuation by Unicode's categories, but read aloud


@dataclass(frozen=True)
class Unspelled:
    """What a star stands for."""

    word: str  # as the text has it
    characters: str  # those of it that no label spells


@dataclass(frozen=True)
class Spelling:
    """N labels that spell a text, the star among them as the label after the last."""

    tokens: list[int]
    words: list[int | None]  # the word that each token belongs to; None between words
    texts: list[str]  # the words as the text has them, those that make no sound left out
    unspelled: tuple[Unspelled, ...]


class Speller:
    """Spells texts for one model."""

    def __init__(self, model: ModelInfo) -> None:
        delimiter = model.word_delimiter
        self._delimiter = None if delimiter is None else model.labels.index(delimiter)
        self._star = len(model.labels)
        self._indices = {
            label: index
            for index, label in enumerate(model.labels)
            if index not in (model.blank, self._delimiter) and not _is_special(label)
        }
        self._longest = max(map(len, self._indices), default=0)

    def spell(self, text: str) -> Spelling:
        """The labels of a text; an error where there are none."""
        spelling = Spelling([], [], [], ())
        unspelled: list[Unspelled] = []
        for word in unicodedata.normalize("NFC", text).split():
            tokens, missing = self._word(word)
            if missing:
                unspelled.append(Unspelled(word, missing))
            if tokens:
                self._append(spelling, word, tokens)
        if all(token in (self._star, self._delimiter) for token in spelling.tokens):
            labels = " ".join(self._indices)
            raise AlignmentError(
                f"nothing of the text {_shortened(text)!r} can be spelled with the model's labels: "
                f"{labels}"
            )
        return Spelling(spelling.tokens, spelling.words, spelling.texts, tuple(unspelled))

    def words(self, text: str) -> list[tuple[int, ...]]:
        """The labels of each word, all of which must be spelled."""
        found = self.spell(text)
        if found.unspelled or self._star in found.tokens:
            raise AlignmentError(f"no label spells all of {_shortened(text)!r}")
        words: list[tuple[int, ...]] = [()] * len(found.texts)
        for token, owner in zip(found.tokens, found.words, strict=True):
            if owner is not None:
                words[owner] += (token,)
        return words

    def _append(self, spelling: Spelling, word: str, tokens: list[int]) -> None:
        if spelling.tokens and self._delimiter is not None:
            spelling.tokens.append(self._delimiter)
            spelling.words.append(None)
        spelling.tokens.extend(tokens)
        spelling.words.extend([len(spelling.texts)] * len(tokens))
        spelling.texts.append(word)

    def _word(self, word: str) -> tuple[list[int], str]:
        """The labels of one word, and what of it no label spells."""
        if word == STAR and STAR not in self._indices:
            return [self._star], ""
        tokens: list[int] = []
        missing = ""
        for piece, found in self._pieces(_unquoted(word)):
            if found:
                tokens += found
            elif _is_dash(piece):
                if tokens and self._delimiter is not None and tokens[-1] != self._delimiter:
                    tokens.append(self._delimiter)
            elif not _is_silent(piece):
                missing += piece
                if tokens[-1:] != [self._star]:
                    tokens.append(self._star)
        while tokens and tokens[-1] == self._delimiter:
            tokens.pop()
        return tokens, missing

    def _pieces(self, word: str) -> Iterator[tuple[str, list[int]]]:
        """Runs of characters and their labels, none where there are none; long labels first."""
        place = 0
        while place < len(word):
            for length in range(min(self._longest, len(word) - place), 0, -1):
                piece = word[place : place + length]
                if found := self._label(piece):
                    break
            else:
                piece = word[place]
                found = self._otherwise(piece)
            yield piece, found
            place += len(piece)

    def _label(self, piece: str) -> list[int]:
        """The label that is this piece, in whatever case."""
        for form in (piece, piece.upper(), piece.lower()):
            if form in self._indices:
                return [self._indices[form]]
        return []

    def _otherwise(self, character: str) -> list[int]:
        r"""A character without a label of its own: ß as ss, é as e, \ufb01 as fi."""
        if character in _APOSTROPHES:
            return self._label("'")
        plain = (
            part
            for part in unicodedata.normalize("NFKD", character)
            if not unicodedata.combining(part)
        )
        for form in (character.upper(), character.lower(), "".join(plain)):
            labels = [self._label(part) for part in form]
            if form != character and labels and all(labels):
                return [label for found in labels for label in found]
        return []


def _is_special(label: str) -> bool:
    """Whether a label is a mark such as <s> or [UNK]: no text says it."""
    return len(label) > 1 and (label[0], label[-1]) in (("<", ">"), ("[", "]"))


def _unquoted(word: str) -> str:
    """Without 'single' quotation marks, which are no apostrophes."""
    inner = word.strip('"\u201c\u201d.,;:!?()')
    is_quoted = len(inner) > 2 and inner[0] in _APOSTROPHES and inner[-1] in _APOSTROPHES
    return inner[1:-1] if is_quoted else word


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd"


def _is_silent(character: str) -> bool:
    """Whether it is punctuation that nobody reads aloud, or a character that has no width."""
    category = unicodedata.category(character)
    return (category[0] == "P" and character not in _SAID) or category in ("Cf", "Mn", "Cc")


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
