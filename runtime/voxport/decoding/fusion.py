"""Add a language model's scores and hot words to the acoustics of a beam search.

A language model adds alpha times the logarithm of a word's probability, and beta, to every complete
word. A hot word adds its weight, a share with each of its labels, and is thus favoured from its
first label on; a prefix loses the shares of an incomplete hot word. Knows labels and words; no
frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.alignment.spelling import Speller
from voxport.decoding.language_model import END, LanguageModel
from voxport.errors import InputError
from voxport.package.manifest import ModelInfo

HOT_WEIGHT = 5.0  # nats for a whole hot word


@dataclass(frozen=True)
class Context:
    """The part of a text so far that decides the next label's bonus."""

    state: Any  # the language model's
    word: str  # the labels since the last delimiter
    place: tuple[int, ...] | None  # those that start a hot word; None: it is none any more


class Fusion:
    """Bonuses, in nats, for extending a text by each label."""

    def __init__(
        self,
        model: ModelInfo,
        language_model: LanguageModel | None = None,
        alpha: float = 0.5,
        beta: float = 1.0,
        hot_words: Sequence[str] = (),
        hot_weight: float = HOT_WEIGHT,
    ) -> None:
        if model.word_delimiter is None and not model.has_word_pieces:
            raise InputError(
                "language models and hot words need words, and this model's labels have no "
                "word delimiter",
                model.name,
            )
        if model.has_word_pieces:
            raise InputError(
                "language models and hot words need labels that are letters, and this model's "
                "are pieces of words",
                model.name,
            )
        self._model = model
        self._delimiter = model.labels.index(model.word_delimiter or "")
        self._language_model = language_model
        self._alpha, self._beta = alpha, beta
        self._hot = _hot_prefixes(model, hot_words, hot_weight)

    def start(self) -> Context:
        """Return the context before the first label."""
        model = self._language_model
        return Context(model.start() if model else None, "", ())

    def bonuses(self, context: Context) -> NDArray[np.float64]:
        """Return the bonus of each label as the next one (C,)."""
        earned = 0.0 if context.place is None else self._hot.get(context.place, (0.0, False))[0]
        bonuses = np.full(len(self._model.labels), -earned)
        if context.place is not None and self._hot:
            for label in range(len(bonuses)):
                found = self._hot.get((*context.place, label))
                if found:
                    bonuses[label] = found[0] - earned
        bonuses[self._delimiter] = self._word_bonus(context)
        return bonuses

    def extend(self, context: Context, label: int) -> Context:
        """Return the context after one more label."""
        if label != self._delimiter:
            place = None if context.place is None else (*context.place, label)
            place = place if place in self._hot else None
            return Context(context.state, context.word + self._model.labels[label], place)
        state = context.state
        if self._language_model and context.word:
            state = self._language_model.score(state, context.word)[1]
        return Context(state, "", ())

    def end_bonus(self, context: Context) -> float:
        """Return the bonus for ending here."""
        bonus = self._word_bonus(context)
        if self._language_model:
            state = context.state
            if context.word:
                state = self._language_model.score(state, context.word)[1]
            bonus += self._alpha * self._language_model.score(state, END)[0]
        return bonus

    def text_bonus(self, tokens: Sequence[int]) -> float:
        """Return the bonus of a whole text."""
        context, total = self.start(), 0.0
        for label in tokens:
            total += float(self.bonuses(context)[label])
            context = self.extend(context, label)
        return total + self.end_bonus(context)

    def _word_bonus(self, context: Context) -> float:
        """Return the bonus for completing the word here."""
        earned, is_whole = self._hot.get(context.place or (), (0.0, False))
        bonus = 0.0 if is_whole else -earned
        if self._language_model and context.word:
            score = self._language_model.score(context.state, context.word)[0]
            bonus += self._alpha * score + self._beta
        return bonus


def _hot_prefixes(
    model: ModelInfo, words: Sequence[str], weight: float
) -> dict[tuple[int, ...], tuple[float, bool]]:
    """Return the nats of every prefix of a hot word, and whether it is a whole one."""
    speller = Speller(model)
    found: dict[tuple[int, ...], tuple[float, bool]] = {}
    for text in words:
        for labels in speller.spell_words(text):
            for count in range(1, len(labels) + 1):
                earned, is_whole = found.get(labels[:count], (0.0, False))
                share = weight * count / len(labels)
                whole = count == len(labels)
                found[labels[:count]] = (max(earned, share), is_whole or whole)
    return found
