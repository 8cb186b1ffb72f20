from voxport.cues import LINE, LINES, LONGEST, cues
from voxport.transcript import Word


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


def test_a_pause_ends_a_cue():
    assert len(cues(words(3, gap=1.5))) == 3


def test_a_word_longer_than_a_line_is_left_whole():
    (cue,) = cues([Word("A" * 100, 0.0, 1.0, 1.0)])
    assert cue.lines == ("A" * 100,)
