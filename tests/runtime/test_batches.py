import numpy as np
import pytest

from voxport.batches import batches


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
def test_batches(lengths, expected):
    assert batches(lengths, limit=10) == expected


def test_no_clip_is_lost_and_no_limit_broken():
    lengths = np.random.default_rng(0).integers(0, 120, 500).tolist()
    found = batches(lengths, limit=100)
    assert sorted(index for batch in found for index in batch) == list(range(500))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 100
