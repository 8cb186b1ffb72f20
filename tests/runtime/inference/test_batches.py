"""Batches by length, and the few lengths of a GPU."""

import numpy as np
import pytest

from voxport.inference.batches import group_by_length, round_up_length


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([5], [[0]]),
        ([5, 5], [[0, 1]]),
        ([5, 5, 5], [[0, 1], [2]]),
        ([10, 1, 1], [[1, 2], [0]]),  # with the long one it would be 30 padded samples
        ([99, 99], [[0], [1]]),  # more than the limit runs alone
        ([0, 0, 0, 0], [[0, 1, 2, 3]]),
    ],
)
def test_batches_hold_the_limit(lengths, expected):
    assert group_by_length(lengths, limit=10) == expected


def test_every_clip_is_in_one_batch_within_the_limit():
    lengths = np.random.default_rng(0).integers(0, 120, 500).tolist()
    found = group_by_length(lengths, limit=100)
    assert sorted(index for batch in found for index in batch) == list(range(500))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 100


def test_batches_are_of_like_length():
    assert group_by_length([8, 10, 4, 5, 11], limit=99, spread=1.25) == [[2, 3], [0, 1], [4]]


RATE = 16_000


def test_lengths_are_rounded_up_to_48_shared_ones():
    lengths = range(RATE, 60 * RATE + 1, 37)
    found = [round_up_length(length, RATE) for length in lengths]
    assert found == sorted(found)
    assert len(set(found)) == 48
    pairs = list(zip(lengths, found, strict=True))
    assert all(length <= other <= length * 9 / 8 for length, other in pairs)
    assert all(round_up_length(other, RATE) == other for other in set(found))


@pytest.mark.parametrize("seconds", [5, 10, 15, 20, 30, 40, 60])
def test_whole_seconds_are_not_rounded(seconds):
    assert round_up_length(seconds * RATE, RATE) == seconds * RATE


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 1_000])
def test_short_lengths_share_one(rate):
    shortest = round_up_length(0, rate)
    assert {round_up_length(n, rate) for n in range(shortest + 1)} == {shortest}
    assert round_up_length(shortest + 1, rate) > shortest
    assert shortest == pytest.approx(0.3125 * rate, rel=0.01)
