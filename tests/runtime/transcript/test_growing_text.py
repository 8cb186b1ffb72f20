"""Whole words of a text that grows piece by piece: together the beginning of the text."""

import pytest

from voxport.transcript.growing_text import WholeWords


@pytest.mark.parametrize(
    ("pieces", "handed_on"),
    [
        (["AB", " A", " "], ["AB ", "A "]),
        (["  A  B"], ["  A  "]),  # leading and double spaces are kept
        (["ah ", "n ", "ə "], ["ah ", "n ", "ə "]),  # phonemes
        (["A"], []),
        (["ONE TW", "O TH", "REE"], ["ONE ", "TWO "]),
        (["你" * 40, "好" * 20, "吗"], ["你" * 40 + "好" * 20 + "吗"]),  # no space ever comes
    ],
)
def test_a_word_is_handed_on_with_the_space_behind_it(pieces, handed_on):
    said = []
    words = WholeWords(said.append)
    for piece in pieces:
        words(piece)
    assert said == handed_on
    assert "".join(pieces).startswith("".join(said))
