"""Edit distance of texts and tokens, against torchaudio's, and the character error rate."""

import random

import pytest

from voxport.transcript.edit_distance import (
    character_error_rate,
    edit_distance,
    edit_distance_table,
)


@pytest.mark.parametrize(
    ("expected", "found", "count"),
    [("", "", 0), ("", "AB", 2), ("YES", "", 3), ("YES", "YES", 0), ("KITTEN", "SITTING", 3)],
)
def test_edit_distance_counts_edits_either_way(expected, found, count):
    assert edit_distance(expected, found) == edit_distance(found, expected) == count


def test_edit_distance_equals_torchaudios():
    functional = pytest.importorskip("torchaudio.functional")
    chance = random.Random(0)
    for _ in range(50):
        one, other = ("".join(chance.choices("AB ", k=chance.randrange(9))) for _ in range(2))
        assert edit_distance(one, other) == functional.edit_distance(one, other)


def test_character_error_rate_pools_all_texts():
    assert character_error_rate([("ABCD", "ABCD"), ("AB", "A"), ("", "B")]) == 2 / 6
    assert character_error_rate([("", "")]) == 0


def test_the_table_holds_the_distance_of_every_prefix():
    table = edit_distance_table([1, 2, 3], [2, 3])
    assert table.shape == (4, 3)
    for i, row in enumerate(table.tolist()):
        assert row == [edit_distance([1, 2, 3][:i], [2, 3][:j]) for j in range(3)]
