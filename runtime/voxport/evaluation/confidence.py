"""Confidence intervals of error rates by the bootstrap over groups of recordings.

Recordings of one speaker share their difficulty, so whole speakers are drawn. Knows numbers only.
"""

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np

Interval: TypeAlias = tuple[float, float]

_TAILS = (0.025, 0.975)
_MAX_DRAWN = 1 << 22  # indices in memory at once


def bootstrap_interval(
    errors: Sequence[int],
    lengths: Sequence[int],
    groups: Sequence[Hashable],
    resamples: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """Return the 95 % percentile interval of the sum of errors by the sum of lengths.

    Args:
        errors: of each recording.
        lengths: words or characters of each reference.
        groups: mark of each recording; those with one mark are drawn together.
        resamples: draws.
        seed: of the random generator: the same numbers give the same interval.

    Returns:
        Its ends; None with fewer than two groups, or without a word.

    Examples:
        >>> low, high = bootstrap_interval([0, 1] * 50, [1] * 100, range(100))
        >>> round(low, 1), round(high, 1)
        (0.4, 0.6)
    """
    totals = _group_totals(errors, lengths, groups)
    count = len(totals)
    if count < 2 or not totals[:, 1].any() or resamples < 1:
        return None
    generator = np.random.default_rng(seed)
    rates: list[float] = []
    at_once = max(1, _MAX_DRAWN // count)
    while len(rates) < resamples:
        draws = min(at_once, resamples - len(rates))
        drawn = totals[generator.integers(0, count, (draws, count))].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates += (drawn[:, 0] / drawn[:, 1]).tolist()
    known = np.array(rates)[np.isfinite(rates)]  # a draw of groups without a word has no rate
    low, high = np.quantile(known, _TAILS)
    return float(low), float(high)


def _group_totals(
    errors: Sequence[int], lengths: Sequence[int], groups: Sequence[Hashable]
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return errors and length of each group, float64 (groups, 2)."""
    places = {mark: place for place, mark in enumerate(dict.fromkeys(groups))}
    totals = np.zeros((len(places), 2))
    for error, length, mark in zip(errors, lengths, groups, strict=True):
        totals[places[mark]] += error, length
    return totals
