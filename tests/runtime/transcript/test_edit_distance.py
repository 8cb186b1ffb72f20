import random

import pytest

from voxport.transcript.edit_distance import (
    character_error_rate,
    edit_distance,
)


@pytest.mark.parametrize(
    ("expected", "found", "count"),
    [("", "", 0), ("", "AB", 2), ("YES", "", 3), ("YES", "YES", 0), ("KITTEN", "SITTING", 3)],
)
def test_edit_distance(expected, found, count):
    assert edit_distance(expected, found) == edit_distance(found, expected) == count


def test_edit_distance_as_torchaudio_counts_them():
    functional = pytest.importorskip("torchaudio.functional")
    chance = random.Random(0)
    for _ in range(50):
        one, other = ("".join(chance.choices("AB ", k=chance.randrange(9))) for _ in range(2))
        assert edit_distance(one, other) == functional.edit_distance(one, other)


def test_character_error_rate_is_of_all_texts_together():
    assert character_error_rate([("ABCD", "ABCD"), ("AB", "A"), ("", "B")]) == 2 / 6
    assert character_error_rate([("", "")]) == 0
