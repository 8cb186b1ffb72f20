"""Spell a text with a model's labels, for alignment and hot words.

Text and labels are compared in canonical decomposition (NFD), so that it does not matter which of
its forms either has. Case is the labels' own, accents without a label are left off, any apostrophe
finds any other, dashes part words, and other punctuation makes no sound. All else without a label
(digits, symbols, vowel signs, other scripts) is said aloud by somebody: a star holds its place,
fits any sound, and is reported. A word that is only ``*`` is a star that the text asks for, for
what it leaves out. In scripts without spaces a word is a character (`script_units`). Knows labels
and characters; no audio and no frames.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, groupby

from voxport.errors import AlignmentError
from voxport.package.manifest import ModelInfo
from voxport.transcript.script_units import split_units

STAR = "*"

# Quotation marks, the modifier letter, the full-width form, the grave and the acute accent.
_APOSTROPHES = "'\u2019\u2018\u02bc\uff07`\u00b4"
_SAID = "&%@#*/\\§٪‰‱"  # punctuation by Unicode's categories, but read aloud
_UNSAID = "\u0640"  # letters by Unicode's categories, but without a sound: the Arabic tatweel

# Canonical combining classes of marks that make another letter of theirs without being a sound:
# nukta, Japanese voicing, virama, Thai and Lao tones. (0 and the rest below 200 are vowel signs.)
_LETTER_MARKS = (7, 8, 9, 107, 122)
# Those that a text may have or not: overlays, Hebrew, Arabic and Syriac points, accents.
_POINTS = range(10, 37)
_OVERLAY, _FIRST_ACCENT = 1, 200
_MOST_MARKS = 4  # on one letter, of which every choice is looked up


@dataclass(frozen=True)
class Unspelled:
    """Characters without a label; a star holds the place of sounds among them."""

    word: str  # as the text has it
    characters: str  # those of it that no label spells


@dataclass(frozen=True)
class Spelling:
    """N labels of a text, the star among them as the label after the last."""

    tokens: list[int]
    words: list[int | None]  # the word of each token; None between words
    texts: list[str]  # the words as the text has them, those that make no sound left out
    unspelled: tuple[Unspelled, ...]


class Speller:
    """The labels of one model by their text."""

    def __init__(self, model: ModelInfo) -> None:
        if model.has_word_pieces:
            raise AlignmentError(
                f"{model.name}: its labels are pieces of words, which spell a text in many ways: "
                "a known text is aligned with models whose labels are letters or phonemes"
            )
        delimiter = model.word_delimiter
        self._delimiter = None if delimiter is None else model.labels.index(delimiter)
        self._star = len(model.labels)
        spelling = {  # phonemes end in the space that stands between them
            index: label.rstrip(" ") or label
            for index, label in enumerate(model.labels)
            if self._is_spelling(model, index)
        }
        self._labels = " ".join(spelling.values())
        self._indices: dict[str, int] = {}
        for index, label in spelling.items():
            self._indices.setdefault(unicodedata.normalize("NFD", label), index)
        self._longest = max(map(len, self._indices), default=0)

    def _is_spelling(self, model: ModelInfo, index: int) -> bool:
        label = model.labels[index]
        is_apart = index in (model.blank, self._delimiter) or not label
        return not is_apart and not _is_special(label)

    def spell(self, text: str) -> Spelling:
        """Spell a text; raise AlignmentError if nothing of it has a label."""
        spelling = Spelling([], [], [], ())
        unspelled: list[Unspelled] = []
        for word in text.split():
            is_first = True
            for unit, tokens, missing in self._units(word):
                if missing:
                    unspelled.append(Unspelled(unit, missing))
                if tokens:
                    self._append(spelling, unit, tokens, is_first)
                    is_first = False
        if all(token in (self._star, self._delimiter) for token in spelling.tokens):
            raise AlignmentError(
                f"nothing of the text {_shortened(text)!r} can be spelled with the model's labels: "
                f"{self._labels}"
            )
        return Spelling(spelling.tokens, spelling.words, spelling.texts, tuple(unspelled))

    def spell_words(self, text: str) -> list[tuple[int, ...]]:
        """Spell each word between spaces; raise AlignmentError if a character has no label."""
        found = [self._word(word) for word in text.split()]
        if any(missing or self._star in tokens for tokens, missing in found):
            raise AlignmentError(f"no label spells all of {_shortened(text)!r}")
        runs = [
            tuple(run)
            for tokens, _ in found
            for is_gap, run in groupby(tokens, self._delimiter.__eq__)  # a dash parts words
            if not is_gap
        ]
        if not runs:
            self.spell(text)  # says what is wrong
        return runs

    def _append(self, spelling: Spelling, word: str, tokens: list[int], is_apart: bool) -> None:
        if spelling.tokens and self._delimiter is not None and is_apart:
            spelling.tokens.append(self._delimiter)
            spelling.words.append(None)
        spelling.tokens.extend(tokens)
        spelling.words.extend([len(spelling.texts)] * len(tokens))
        spelling.texts.append(word)

    def _units(self, word: str) -> Iterator[tuple[str, list[int], str]]:
        """Yield the units of a word with their labels; neighbours without labels are one."""
        held, unspelled = "", ""  # units that are nothing but a star
        for unit in split_units(word):
            tokens, missing = self._word(unit)
            if missing and tokens == [self._star]:
                held, unspelled = held + unit, unspelled + missing
                continue
            if held:
                yield held, [self._star], unspelled
                held, unspelled = "", ""
            yield unit, tokens, missing
        if held:
            yield held, [self._star], unspelled

    def _word(self, word: str) -> tuple[list[int], str]:
        """Return the labels of one word, and its characters without a label."""
        if word == STAR and STAR not in self._indices:
            return [self._star], ""
        tokens: list[int] = []
        missing = ""
        is_missing = False  # the letter that marks belong to
        for piece, found in self._pieces(unicodedata.normalize("NFD", _unquoted(word))):
            is_mark = unicodedata.category(piece[0])[0] == "M"
            if found:
                tokens += found
            elif _is_dash(piece):
                if tokens and self._delimiter is not None and tokens[-1] != self._delimiter:
                    tokens.append(self._delimiter)
            elif is_mark and (is_missing or _is_letter_mark(piece)):
                missing += "" if _is_variation(piece) else piece
                continue
            elif not _is_silent(piece):
                missing += piece
                if tokens[-1:] != [self._star]:
                    tokens.append(self._star)
            is_missing = not found and not is_mark and not _is_silent(piece)
        while tokens and tokens[-1] == self._delimiter:
            tokens.pop()
        return tokens, unicodedata.normalize("NFC", missing)

    def _pieces(self, word: str) -> Iterator[tuple[str, list[int]]]:
        """Yield runs of characters and their labels, or none.

        Long labels come first; a letter takes as many of its marks as have a label together.
        """
        place = 0
        while place < len(word):
            for length in range(min(self._longest, len(word) - place), 0, -1):
                piece = word[place : place + length]
                found = self._label(piece)
                if found and (length > 1 or not _marks(word, place + 1)):
                    yield piece, found
                    place += length
                    break
            else:
                marks = _marks(word, place + 1)
                yield from self._with_marks(word[place], marks)
                place += 1 + len(marks)

    def _with_marks(self, letter: str, marks: str) -> Iterator[tuple[str, list[int]]]:
        """Yield a letter with the marks in its label, then each other mark."""
        for count in range(min(len(marks), _MOST_MARKS), 0, -1):
            for chosen in combinations(range(len(marks)), count):
                piece = letter + "".join(marks[i] for i in chosen)
                if found := self._label(piece):
                    yield piece, found
                    for i, mark in enumerate(marks):
                        if i not in chosen:
                            yield mark, self._label(mark)
                    return
        yield letter, self._label(letter) or self._otherwise(letter)
        for mark in marks:
            yield mark, self._label(mark)

    def _label(self, piece: str) -> list[int]:
        """Return the label of a piece in any case, if there is one."""
        for form in (piece, piece.upper(), piece.lower()):
            if form in self._indices:
                return [self._indices[form]]
        others = _APOSTROPHES if piece in _APOSTROPHES else ""
        return [self._indices[other] for other in others if other in self._indices][:1]

    def _otherwise(self, character: str) -> list[int]:
        r"""Spell a character without a label of its own: ß as ss, \ufb01 as fi, jamo as letters."""
        decomposed = unicodedata.normalize("NFKD", character)
        plain = "".join(part for part in decomposed if self._label(part) or not _is_left_off(part))
        letters = "".join(map(_compatibility_jamo, decomposed))
        for form in (character.upper(), character.lower(), character.casefold(), plain, letters):
            labels = [self._label(part) for part in form]
            if form != character and labels and all(labels):
                return [label for found in labels for label in found]
        return []


def _marks(word: str, place: int) -> str:
    """Return the combining marks from a place on."""
    end = place
    while end < len(word) and unicodedata.category(word[end])[0] == "M":
        end += 1
    return word[place:end]


def _compatibility_jamo(character: str) -> str:
    """Return the letter of a Korean syllable's part: some models' labels are these."""
    kind, _, name = unicodedata.name(character, "").partition("SEONG ")
    if kind not in ("HANGUL CHO", "HANGUL JUNG", "HANGUL JONG"):
        return character
    try:
        return unicodedata.lookup(f"HANGUL LETTER {name}")
    except KeyError:
        return character


def _is_special(label: str) -> bool:
    """Return whether a label is a mark such as <s> or [UNK]: no text says it."""
    label = label.rstrip(" ")
    return len(label) > 1 and (label[0], label[-1]) in (("<", ">"), ("[", "]"))


def _unquoted(word: str) -> str:
    """Drop 'single' quotation marks; they are no apostrophes."""
    inner = word.strip('"\u201c\u201d.,;:!?()')
    is_quoted = len(inner) > 2 and inner[0] in _APOSTROPHES and inner[-1] in _APOSTROPHES
    return inner[1:-1] if is_quoted else word


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd"


def _is_silent(character: str) -> bool:
    """Return True for characters without a sound: punctuation, points and accents, zero width."""
    category = unicodedata.category(character)
    return (
        (category[0] == "P" and unicodedata.normalize("NFKC", character) not in _SAID)
        or category in ("Cf", "Cc")
        or character in _UNSAID
        or _is_left_off(character)
    )


def _is_left_off(mark: str) -> bool:
    """Return whether a mark may be missing from a text: accents, points, variation selectors."""
    number = unicodedata.combining(mark)
    is_accent = number == _OVERLAY or number in _POINTS or number >= _FIRST_ACCENT
    return is_accent or _is_variation(mark)


def _is_letter_mark(mark: str) -> bool:
    """Return whether a mark makes another letter of the one before it, but no sound of its own."""
    return unicodedata.combining(mark) in _LETTER_MARKS


def _is_variation(mark: str) -> bool:
    """Return whether a mark only chooses between looks of a character."""
    name = unicodedata.name(mark, "")
    return "VARIATION SELECTOR" in name or name == "COMBINING GRAPHEME JOINER"


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
