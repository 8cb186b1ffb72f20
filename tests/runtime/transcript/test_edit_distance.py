import random

import pytest

from voxport.transcript.edit_distance import edits, error_rate


@pytest.mark.parametrize(
    ("expected", "found", "count"),
    [("", "", 0), ("", "AB", 2), ("YES", "", 3), ("YES", "YES", 0), ("KITTEN", "SITTING", 3)],
)
def test_edits(expected, found, count):
    assert edits(expected, found) == edits(found, expected) == count


def test_edits_as_torchaudio_counts_them():
    functional = pytest.importorskip("torchaudio.functional")
    chance = random.Random(0)
    for _ in range(50):
        one, other = ("".join(chance.choices("AB ", k=chance.randrange(9))) for _ in range(2))
        assert edits(one, other) == functional.edit_distance(one, other)


def test_error_rate_is_of_all_texts_together():
    assert error_rate([("ABCD", "ABCD"), ("AB", "A"), ("", "B")]) == 2 / 6
    assert error_rate([("", "")]) == 0
