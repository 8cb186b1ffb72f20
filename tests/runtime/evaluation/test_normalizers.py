"""Normalisers: the leaderboard's against answers of its own code, the plain one by hand."""

import json
from pathlib import Path

import pytest

from voxport.errors import InputError
from voxport.evaluation.normalizers import find_normalizer, normalize_plainly

# Made with the normaliser of huggingface/open_asr_leaderboard, revision d1e99b2, on the published
# tests of OpenAI's, the examples in its own comments, and texts for each of its changes.
ANSWERS = json.loads(Path(__file__).with_name("leaderboard_answers.json").read_bytes())


@pytest.mark.parametrize(("text", "expected"), ANSWERS)
def test_the_leaderboard_s_normalizer_answers_as_its_own_code(text, expected):
    pytest.importorskip("whisper_normalizer", reason='needs pip install "voxport[evaluate]"')
    assert find_normalizer("leaderboard")(text).split() == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, SEVEN!", "yes seven"),
        ("don’t ‘quote’ the dogs'", "don't quote the dogs"),  # noqa: RUF001
        ("well-known — and/or", "well known and or"),
        ("Straße, ÉTÉ, ﬁne", "strasse été fine"),
        ("नमस्ते दुनिया।", "नमस्ते दुनिया"),
        ("7.5 %", "7 5"),
        ("\tа\u200bb\n", "а b"),  # noqa: RUF001
        ("'", ""),
    ],
)
def test_the_plain_one_keeps_letters_marks_and_digits(text, expected):
    assert normalize_plainly(text) == expected
    assert normalize_plainly(expected) == expected


def test_an_unknown_normalizer_is_refused():
    with pytest.raises(InputError, match="expected plain or leaderboard"):
        find_normalizer("whisper")
