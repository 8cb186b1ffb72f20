from itertools import pairwise

import pytest

from voxport.transcript.subtitles import LINE, LINES, LONGEST, SHORTEST, cues
from voxport.transcript.transcript import Word


def words(count, seconds=0.5, gap=0.1, text="HELLO"):
    step = seconds + gap
    return [Word(text, i * step, i * step + seconds, 1.0) for i in range(count)]


def test_none():
    assert cues([]) == []


def test_one():
    (cue,) = cues(words(2))
    assert (cue.start, cue.end, cue.lines) == (0.0, 1.1, ("HELLO HELLO",))


def test_limits():
    spoken = words(200, seconds=0.3, gap=0.05)
    found = cues(spoken)
    for cue in found:
        assert cue.end - cue.start <= LONGEST
        assert len(cue.lines) <= LINES
        assert all(len(line) <= LINE for line in cue.lines)
    text = " ".join(line for cue in found for line in cue.lines)
    assert text == " ".join(word.text for word in spoken)
    assert len(found) == 15  # 14 words fill two lines of 42: 5 s


@pytest.mark.parametrize(("text", "shown"), [("NO", SHORTEST), ("A" * 40, 2.0), ("A" * 400, 7.0)])
def test_a_cue_stays_until_it_can_be_read(text, shown):
    (cue,) = cues([Word(text, 5.0, 5.1, 1.0)])
    assert cue.end == pytest.approx(5 + shown)


@pytest.mark.parametrize("gap", [0.02, 0.5, 1.0, 1.5])
def test_cues_never_overlap(gap):
    found = cues(words(100, seconds=0.04, gap=gap, text="A" * 30))
    for one, other in pairwise(found):
        assert one.end <= other.start
        assert one.end > one.start


def test_a_pause_ends_a_cue():
    assert len(cues(words(3, gap=1.5))) == 3


def test_a_word_longer_than_a_line_is_left_whole():
    (cue,) = cues([Word("A" * 100, 0.0, 1.0, 1.0)])
    assert cue.lines == ("A" * 100,)
