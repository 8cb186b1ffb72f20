"""Scores of words for a search: a language model with its list of words, and hot words.

The rules and their constants are pyctcdecode's, for which the language models of checkpoints were
tuned. A complete word adds ``alpha`` times its logarithm, and ``beta``; an unknown one also
``unknown_offset`` (a log10). The start of a word that no known word has costs ``unknown_offset``
until it is complete. Knows words and their starts; neither labels nor frames.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from voxport.decoding.language_model import END, ExactLanguageModel

_LN10 = math.log(10)
_LONG_WORD_CHARACTERS = 6  # the penalty of a longer unknown start grows with its length


@dataclass(frozen=True)
class WordWeights:
    """Weights of a language model in a search."""

    alpha: float = 0.5  # of the language model
    beta: float = 1.5  # nats for every word
    unknown_offset: float = -10.0  # log10, of a word that is not in the list
    score_boundary: bool = True  # score the start and the end of the sentence


class WordScores:
    """Nats for words after words, and for the starts of words."""

    def __init__(
        self,
        language_model: ExactLanguageModel,
        words: Iterable[str],
        weights: WordWeights,
        hot_words: Sequence[str] = (),
        hot_weight: float = 10.0,
    ) -> None:
        self._model = language_model
        self._weights = weights
        # Sorted, a list tells whether a word starts so, and is a tenth of a set of all starts.
        self._words = sorted({word for word in words if word in language_model})
        self._known = frozenset(self._words)
        self._hot = sorted(hot_words, key=len)
        self._hot_set = frozenset(hot_words)
        self._hot_weight = hot_weight
        self.history_words = max(1, language_model.order - 1)  # that decide the next word's score

    def start(self) -> Any:
        """Return the state before the first word."""
        return self._model.state(self._weights.score_boundary)

    def word(self, state: Any, word: str, is_last: bool = False) -> tuple[float, Any]:
        """Return the nats of a word after a state, and the state behind it."""
        log10, after = self._model.score_log10(state, word)
        if (self._known and word not in self._known) or word not in self._model:
            log10 += self._weights.unknown_offset
        if is_last and self._weights.score_boundary:
            log10 += self._model.score_log10(after, END)[0]
        return self._weights.alpha * log10 * _LN10 + self._weights.beta, after

    def hot_word(self, word: str) -> float:
        """Return the nats of a complete word for being a hot one."""
        return self._hot_weight if word in self._hot_set else 0.0

    def word_start(self, start: str) -> float:
        """Return the nats of an incomplete word: a share of a hot word's, or what it costs."""
        if not start:
            return 0.0
        hot = next((word for word in self._hot if word.startswith(start)), None)
        if hot is not None:
            return self._hot_weight * len(start) / len(hot)
        place = bisect_left(self._words, start)
        if place < len(self._words) and self._words[place].startswith(start):
            return 0.0
        return self._weights.unknown_offset * max(1.0, len(start) / _LONG_WORD_CHARACTERS)
