"""CTC prefix beam search in numpy, the alternative to the most likely label of each frame.

A text's probability is the sum over all its paths; greedy decoding takes the one best path. The
search keeps the most likely prefixes and, for each, two sums: over its paths with the blank at the
end and over those with its last label. It forgets, so at its end the best few, and the greedy text
with them, are scored again over all their paths: the answer is never less likely than greedy
decoding's. Knows log-probabilities, labels and bonuses; times come from alignment.

It is our own because no library serves: pyctcdecode wants numpy below 2 and has had no release
since 2023, flashlight-text has no wheels for Python 3.13, torchaudio's decoders need that or CUDA.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.decoding.fusion import Context, Fusion
from voxport.errors import InputError

_THRESHOLD_NATS = 15.0  # below the best, at which a prefix is given up
_RESCORED_TEXTS = 8  # whose paths are all summed at the end
_FORGET_FRAMES = 500  # after which the tree is rid of prefixes that the beam has left


class _Prefixes:
    """A tree of all prefixes ever in the beam, by number; 0 is the empty one."""

    def __init__(self) -> None:
        self.parents = array("i", [-1])
        self.labels = array("i", [-1])
        self._children: dict[tuple[int, int], int] = {}

    def child(self, prefix: int, label: int) -> int:
        """Return the prefix longer by one label."""
        found = self._children.setdefault((prefix, label), len(self.parents))
        if found == len(self.parents):
            self.parents.append(prefix)
            self.labels.append(label)
        return found

    def forget(self, prefixes: list[int]) -> None:
        """Keep only these prefixes and their own prefixes."""
        living: set[int] = set()
        for prefix in prefixes:
            while prefix and prefix not in living:
                living.add(prefix)
                prefix = self.parents[prefix]
        self._children = {key: child for key, child in self._children.items() if child in living}

    def tokens(self, prefix: int) -> list[int]:
        """Return all labels of a prefix."""
        tokens: list[int] = []
        while prefix:
            tokens.append(self.labels[prefix])
            prefix = self.parents[prefix]
        return tokens[::-1]


@dataclass
class _Beam:
    """n prefixes, each with the log-probabilities of its paths."""

    prefixes: NDArray[np.int64]
    blank: NDArray[np.float64]  # paths that end on the blank
    label: NDArray[np.float64]  # paths that end on the last label
    bonus: NDArray[np.float64]


class _Bonuses:
    """The fusion's bonuses of each prefix, computed once."""

    def __init__(self, fusion: Fusion, prefixes: _Prefixes) -> None:
        self._fusion = fusion
        self._tree = prefixes
        self._contexts = {0: fusion.start()}
        self._rows: dict[int, NDArray[np.float64]] = {}

    def rows(self, prefixes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the bonus of each label after each prefix (n, C)."""
        numbers = prefixes.tolist()
        self._contexts = {prefix: self._context(prefix) for prefix in numbers}
        self._rows = {
            prefix: self._rows[prefix] if prefix in self._rows else self._fusion.bonuses(context)
            for prefix, context in self._contexts.items()
        }
        return np.stack(list(self._rows.values()))

    def _context(self, prefix: int) -> Context:
        """Return the context of a prefix of the beam, or of one a label longer."""
        if prefix in self._contexts:
            return self._contexts[prefix]
        before = self._contexts[self._tree.parents[prefix]]
        return self._fusion.extend(before, self._tree.labels[prefix])

    def ends(self, prefixes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the bonus for ending after each prefix (n,)."""
        contexts = map(self._context, prefixes.tolist())
        return np.array([self._fusion.end_bonus(context) for context in contexts])


def search(
    log_probs: NDArray[Any],  # (T, C)
    blank: int,
    width: int,
    fusion: Fusion | None = None,
) -> list[int]:
    """Return the labels of the best text found by a beam of ``width`` prefixes."""
    if width < 1:
        raise InputError(f"a beam holds at least 1 prefix, got {width}")
    tree = _Prefixes()
    bonuses = _Bonuses(fusion, tree) if fusion else None
    start = np.zeros(1)
    beam = _Beam(np.zeros(1, np.int64), start, np.full(1, -np.inf), start)
    emission = np.asarray(log_probs, np.float64)
    if not (emission < np.inf).all():
        raise InputError("the emission holds values that are not finite (NaN or infinity)")
    for number, frame in enumerate(emission, 1):
        beam = _step(beam, frame, blank, width, tree, bonuses)
        if number % _FORGET_FRAMES == 0:
            tree.forget(beam.prefixes.tolist())
    totals = np.logaddexp(beam.blank, beam.label) + beam.bonus
    if bonuses:
        totals += bonuses.ends(beam.prefixes)
    best = beam.prefixes[np.argsort(-totals, kind="stable")[:_RESCORED_TEXTS]]
    texts = [tree.tokens(prefix) for prefix in best.tolist()]
    greedy = [label for label, _ in groupby(emission.argmax(axis=1).tolist()) if label != blank]
    texts = texts if greedy in texts else [*texts, greedy]
    scores = likelihoods(emission, texts, blank)
    if fusion:
        scores = scores + [fusion.text_bonus(text) for text in texts]
    return texts[int(np.argmax(scores))]


def _step(
    beam: _Beam,
    frame: NDArray[np.float64],  # (C,)
    blank: int,
    width: int,
    tree: _Prefixes,
    bonuses: _Bonuses | None,
) -> _Beam:
    """Return the beam one frame further."""
    stays_blank, stays_label, longer = _grown(beam, frame, blank, tree)
    extra = np.broadcast_to(beam.bonus[:, None], longer.shape)
    if bonuses:
        extra = extra + bonuses.rows(beam.prefixes)
    stays = np.logaddexp(stays_blank, stays_label) + beam.bonus
    ranks = np.concatenate([stays, np.ravel(longer + extra)])
    chosen = np.flatnonzero(ranks >= ranks.max() - _THRESHOLD_NATS)
    if len(chosen) > width:
        chosen = chosen[np.argpartition(-ranks[chosen], width - 1)[:width]]
    kept, added = chosen[chosen < len(stays)], chosen[chosen >= len(stays)] - len(stays)
    before, label = added // len(frame), added % len(frame)
    pairs = zip(beam.prefixes[before].tolist(), label.tolist(), strict=True)
    new = np.array([tree.child(*pair) for pair in pairs], np.int64)
    return _Beam(
        np.concatenate([beam.prefixes[kept], new]),
        np.concatenate([stays_blank[kept], np.full(len(new), -np.inf)]),
        np.concatenate([stays_label[kept], longer[before, label]]),
        np.concatenate([beam.bonus[kept], extra[before, label]]),
    )


def _grown(
    beam: _Beam, frame: NDArray[np.float64], blank: int, tree: _Prefixes
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return log-probabilities of staying on the blank (n,) or label (n,), and of growing (n, C).

    A prefix may grow into one that is in the beam itself: that is then part of its staying.
    """
    numbers: list[int] = beam.prefixes.tolist()
    rows = np.arange(len(numbers))
    last = np.array([tree.labels[prefix] for prefix in numbers], np.int64)
    total = np.logaddexp(beam.blank, beam.label)
    stays_label = beam.label + frame[last]
    longer = total[:, None] + frame
    longer[rows, last] = beam.blank + frame[last]  # a label again: only after a blank
    longer[:, blank] = -np.inf
    place = {prefix: row for row, prefix in enumerate(numbers)}
    parents = np.array([place.get(tree.parents[prefix], -1) for prefix in numbers], np.int64)
    merged = rows[parents >= 0]
    before, label = parents[merged], last[merged]
    stays_label[merged] = np.logaddexp(stays_label[merged], longer[before, label])
    longer[before, label] = -np.inf
    return total + frame[blank], stays_label, longer


def likelihoods(
    log_probs: NDArray[Any], texts: Sequence[Sequence[int]], blank: int
) -> NDArray[np.float64]:
    """Return the log-probability of each text: the sum over all its paths."""
    emission = np.asarray(log_probs, np.float64)
    longest = max(map(len, texts))
    states = np.full((len(texts), 2 * longest + 1), blank)  # a blank before, between and after
    for row, text in enumerate(texts):
        states[row, 1 : 2 * len(text) : 2] = text
    skips = np.zeros(states.shape, np.bool_)  # from a label to another one, past the blank
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    sums = np.full((len(texts), 2 * longest + 3), -np.inf)  # two ahead of the states
    sums[:, 2] = 0
    own = sums[:, 2:]
    for frame in emission:
        skipped = np.where(skips, sums[:, :-2], -np.inf)
        own[:] = np.logaddexp(np.logaddexp(own, sums[:, 1:-1]), skipped) + frame[states]
    ends = np.array([2 * len(text) for text in texts])
    rows = np.arange(len(texts))
    return np.logaddexp(sums[rows, ends + 2], sums[rows, ends + 1])
