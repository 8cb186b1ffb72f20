"""CTC beam search over words with a checkpoint's own language model.

The search of pyctcdecode, for which such language models and their weights were made: the same
probabilities (clipped), the same pruning of labels and of prefixes, the same scores at the end.
Prefixes of equal text and equal last label are one. Written for speed: a text is a node of a tree,
scored once, and an incomplete word is one object with its score.

Knows log-probabilities, the text of each label, and scores of words; times come from alignment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.decoding.word_scores import WordScores
from voxport.errors import InputError

_LEAST_PROBABILITY = 1e-15
_LEAST_LABEL_NATS = -5.0  # of a label in a frame, for it to be tried; the best one always is
_PRUNED_NATS = -10.0  # behind the best prefix, at which another is given up
_FORGET_FRAMES = 500  # after which the trees are rid of what the beams have left


@dataclass(frozen=True)
class Spelling:
    """The text of each label in words; the blank's is empty, the delimiter's a space."""

    texts: Sequence[str]
    blank: int
    delimiter: int


class _Text:
    """Complete words, each text once."""

    __slots__ = ("after", "hot", "nats", "parent", "recent", "score", "state")

    def __init__(
        self,
        parent: "_Text | None",
        nats: float,
        hot: float,
        state: Any,
        recent: tuple[str, ...],
    ) -> None:
        self.parent = parent
        self.nats = nats  # of the language model
        self.hot = hot
        self.score = nats + hot
        self.state = state
        self.recent = recent  # the words that decide the next one's score
        self.after: dict[str, _Text] = {}


class _Start:
    """The start of a word, each once."""

    __slots__ = ("after", "nats", "text")

    def __init__(self, text: str, nats: float) -> None:
        self.text = text
        self.nats = nats
        self.after: dict[int, _Start] = {}  # by the next label


# Labels so far, newest first: (label, the labels before it)
_Labels = tuple[int, Any]

# Text, start of a word, last label, nats of the acoustics, labels
_Beam = tuple[_Text, _Start, int, float, _Labels | None]


def search_words(
    log_probs: NDArray[Any],  # (T, C)
    spelling: Spelling,
    scores: WordScores,
    width: int,
) -> list[int]:
    """Return the labels of the best text found by a beam of ``width`` prefixes.

    Delimiters are among them where the best path has them, also several in a row.
    """
    if not (log_probs < np.inf).all():
        raise InputError("the emission holds values that are not finite (NaN or infinity)")
    words = _Search(spelling, scores, width)
    beams: list[_Beam] = [(words.root, words.no_start, -1, 0.0, None)]
    for frame, (labels, nats) in enumerate(_likely_labels(log_probs), 1):
        beams = words.step(beams, labels, nats)
        if frame % _FORGET_FRAMES == 0:
            words.forget(beams)
    return words.finish(beams)


def _likely_labels(log_probs: NDArray[Any]) -> "list[tuple[list[int], list[float]]]":
    """Return each frame's labels worth a try, and their log-probabilities."""
    clipped = np.minimum(np.maximum(log_probs, math.log(_LEAST_PROBABILITY)), 0)
    chosen = clipped >= _LEAST_LABEL_NATS
    chosen[np.arange(len(clipped)), clipped.argmax(axis=1)] = True
    frames, labels = np.nonzero(chosen)
    nats = clipped[frames, labels].tolist()
    ends = np.cumsum(np.bincount(frames, minlength=len(clipped))).tolist()
    found = labels.tolist()
    starts = [0, *ends][:-1]
    return [(found[a:b], nats[a:b]) for a, b in zip(starts, ends, strict=True)]


class _Search:
    """The trees of one search, and its steps."""

    def __init__(self, spelling: Spelling, scores: WordScores, width: int) -> None:
        self._spelling = spelling
        self._scores = scores
        self._width = width
        self.root = _Text(None, 0.0, 0.0, scores.start(), ())
        self.no_start = _Start("", 0.0)
        self._starts = {"": self.no_start}

    def step(self, beams: list[_Beam], labels: list[int], nats: list[float]) -> list[_Beam]:
        """Return the beams one frame further."""
        merged: dict[Any, list[Any]] = {}
        blank, delimiter = self._spelling.blank, self._spelling.delimiter
        for label, gain in zip(labels, nats, strict=True):
            for text, start, last, total, path in beams:
                if label == delimiter != last:
                    key = (self._longer(text, start.text) if start.text else text, self.no_start)
                    longer = (label, path)
                elif label in (blank, last):
                    key, longer = (text, start), path
                else:
                    key, longer = (
                        (text, start.after.get(label) or self._grow(start, label)),
                        (
                            label,
                            path,
                        ),
                    )
                beam = merged.get((*key, label))
                reached = total + gain
                if beam is None:
                    merged[(*key, label)] = [reached, reached, longer]
                    continue
                if reached > beam[1]:  # of two ways to one text, the likelier one is kept
                    beam[1], beam[2] = reached, longer
                beam[0] = _add(beam[0], reached)
        return self._pruned(merged)

    def _pruned(self, merged: dict[Any, list[Any]]) -> list[_Beam]:
        """Return the best beams, the best first: of equal recent words only the best."""
        ranked = [
            (found[0] + key[0].score + key[1].nats, key, found) for key, found in merged.items()
        ]
        least = max(item[0] for item in ranked) + _PRUNED_NATS
        if len(ranked) > 1:
            ranked = [item for item in ranked if item[0] >= least]
            ranked.sort(key=_rank, reverse=True)
        kept: list[_Beam] = []
        seen: set[Any] = set()
        for _, (text, start, label), found in ranked[: self._width]:
            history = (text.recent, start, label)
            if history not in seen:
                seen.add(history)
                kept.append((text, start, label, found[0], found[2]))
        return kept

    def finish(self, beams: list[_Beam]) -> list[int]:
        """Return the labels of the best text, its last word scored."""
        merged: dict[_Text, list[Any]] = {}
        for text, start, _, total, path in beams:
            whole = self._longer(text, start.text) if start.text else text
            found = merged.get(whole)
            if found is None:
                merged[whole] = [total, total, path, text, start.text]
                continue
            if total > found[1]:
                found[1], found[2] = total, path
            found[0] = _add(found[0], total)
            found[3], found[4] = text, start.text  # of two beams of one text, the worse one's
        best: list[int] = []
        most = -np.inf
        for whole, (total, _, path, text, word) in merged.items():
            # As pyctcdecode: behind a delimiter the last word is empty, and an unknown one.
            nats = text.nats + self._scores.word(text.state, word, is_last=True)[0]
            score = total + nats + whole.hot
            if score > most:
                best, most = _labels(path), score
        return best

    def forget(self, beams: list[_Beam]) -> None:
        """Keep only the beams' texts, with those before them, and their starts of words."""
        living: set[_Text] = set()
        for beam in beams:
            text: _Text | None = beam[0]
            while text is not None and text not in living:
                living.add(text)
                text = text.parent
        for text in living:
            text.after = {word: more for word, more in text.after.items() if more in living}
        self._starts = {"": self.no_start, **{beam[1].text: beam[1] for beam in beams}}
        for start in self._starts.values():
            start.after.clear()

    def _longer(self, text: _Text, word: str) -> _Text:
        """Return the text longer by a word."""
        found = text.after.get(word)
        if found is None:
            nats, state = self._scores.word(text.state, word)
            recent = (*text.recent, word)[-self._scores.history_words :]
            hot = text.hot + self._scores.hot_word(word)
            found = text.after[word] = _Text(text, text.nats + nats, hot, state, recent)
        return found

    def _grow(self, start: _Start, label: int) -> _Start:
        """Return the start longer by a label's text."""
        text = start.text + self._spelling.texts[label]
        found = self._starts.get(text)
        if found is None:
            found = self._starts[text] = _Start(text, self._scores.word_start(text))
        start.after[label] = found
        return found


def _rank(item: tuple[float, Any, Any]) -> float:
    return item[0]


def _add(first: float, second: float) -> float:
    """Add probabilities given as logarithms."""
    high, low = (first, second) if first >= second else (second, first)
    return high + math.log1p(math.exp(low - high))


def _labels(path: _Labels | None) -> list[int]:
    found: list[int] = []
    while path is not None:
        found.append(path[0])
        path = path[1]
    return found[::-1]
