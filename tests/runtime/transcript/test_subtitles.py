"""Subtitle cues: limits of length, lines and time, in scripts with and without spaces."""

from itertools import pairwise

import pytest

from voxport.transcript.formats import format_transcript
from voxport.transcript.subtitles import (
    CUE_LINES,
    LINE_COLUMNS,
    LONGEST_CUE_S,
    SHORTEST_CUE_S,
    group_into_cues,
)
from voxport.transcript.transcript import Token, Transcript, Word


def words(count, seconds=0.5, gap=0.1, text="HELLO"):
    step = seconds + gap
    return [Word(text, i * step, i * step + seconds, 1.0) for i in range(count)]


def test_no_words_are_no_cues():
    assert group_into_cues([]) == []


def test_two_words_are_one_cue():
    (cue,) = group_into_cues(words(2))
    assert (cue.start, cue.end, cue.lines) == (0.0, 1.1, ("HELLO HELLO",))


def test_cues_hold_the_limits_of_length_and_lines():
    spoken = words(200, seconds=0.3, gap=0.05)
    found = group_into_cues(spoken)
    for cue in found:
        assert cue.end - cue.start <= LONGEST_CUE_S
        assert len(cue.lines) <= CUE_LINES
        assert all(len(line) <= LINE_COLUMNS for line in cue.lines)
    text = " ".join(line for cue in found for line in cue.lines)
    assert text == " ".join(word.text for word in spoken)
    assert len(found) == 15  # 14 words fill two lines of 42: 5 s


@pytest.mark.parametrize(
    ("text", "shown"), [("NO", SHORTEST_CUE_S), ("A" * 40, 2.0), ("A" * 400, 7.0)]
)
def test_a_cue_stays_until_it_can_be_read(text, shown):
    (cue,) = group_into_cues([Word(text, 5.0, 5.1, 1.0)])
    assert cue.end == pytest.approx(5 + shown)


@pytest.mark.parametrize("gap", [0.02, 0.5, 1.0, 1.5])
def test_cues_never_overlap(gap):
    found = group_into_cues(words(100, seconds=0.04, gap=gap, text="A" * 30))
    for one, other in pairwise(found):
        assert one.end <= other.start
        assert one.end > one.start


def test_a_pause_ends_a_cue():
    assert len(group_into_cues(words(3, gap=1.5))) == 3


def test_a_word_longer_than_a_line_is_left_whole():
    (cue,) = group_into_cues([Word("A" * 100, 0.0, 1.0, 1.0)])
    assert cue.lines == ("A" * 100,)


SPACELESS = {
    "Chinese": "今天的天气很好\uff0c我们去公园散步吧。",
    "Japanese": "きょうはとても「いい天気」だから、コーヒーを飲みに行きましょう。",
    "Thai": "วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกันเถอะ",
    "Burmese": "ဒီနေ့ရာသီဥတုသာယာတယ်",
    "Khmer": "ថ្ងៃនេះអាកាសធាតុល្អណាស់",
}


def spaceless(text, seconds):
    """A transcript of one word, as a model without a delimiter gives it; a token a character."""
    step = seconds / len(text)
    tokens = tuple(
        Token(character, i * step, i * step + 0.02, 0.9) for i, character in enumerate(text)
    )
    return Transcript(text, seconds, (Word(text, 0.0, tokens[-1].end, 0.9),), tokens)


@pytest.mark.parametrize("language", SPACELESS)
def test_a_script_without_spaces_is_cut_at_characters(language):
    said = spaceless((SPACELESS[language] * 60)[:908], 29.0)
    found = group_into_cues(said.words, said.text, said.tokens)
    assert len(found) >= 5
    assert all(len(cue.lines) <= CUE_LINES for cue in found)
    assert max(len(line) for cue in found for line in cue.lines) <= LINE_COLUMNS
    assert max(cue.end - cue.start for cue in found) <= LONGEST_CUE_S
    assert "".join(cue.text for cue in found) == said.text
    assert "".join(line for cue in found for line in cue.lines) == said.text
    place = 0
    for cue in found:  # each begins when its first character does, by the tokens
        assert cue.start == said.tokens[place].start
        place += len(cue.text)


def test_no_line_begins_with_a_mark_or_closing_punctuation():
    for text in SPACELESS.values():
        said = spaceless((text * 60)[:908], 29.0)
        lines = [
            line
            for cue in group_into_cues(said.words, said.text, said.tokens)
            for line in cue.lines
        ]
        assert not [line for line in lines[1:] if line[0] in "\uff0c。、」ーょู่้ិ္်"]
        assert not [line for line in lines[:-1] if line[-1] in "「เแโใไ្"]


def test_words_of_one_character_are_joined_as_the_text_has_them():
    text = "你好 世界 OK吧"
    parts = ["你", "好", "世", "界", "OK", "吧"]
    spoken = [Word(part, i * 0.3, i * 0.3 + 0.1, 1.0) for i, part in enumerate(parts)]
    (cue,) = group_into_cues(spoken, text)
    assert (cue.text, cue.lines) == (text, (text,))
    (cue,) = group_into_cues(spoken)
    assert cue.text == "你 好 世 界 OK 吧"


def test_wide_characters_fill_two_columns():
    said = spaceless("好" * 60, 5.0)
    assert [cue.lines for cue in group_into_cues(said.words, said.text, said.tokens)] == [
        ("好" * 21, "好" * 21),
        ("好" * 18,),
    ]


def test_without_tokens_a_words_characters_share_its_time():
    (first, *_, last) = group_into_cues([Word("好" * 100, 0.0, 10.0, 1.0)])
    assert (first.start, last.end) == (0.0, 10.0)
    assert last.start == pytest.approx(8.4)


def test_a_word_that_lasts_longer_than_a_cue_is_cut():
    said = spaceless("ABCDEFGHIJ" * 30, 29.0)
    found = group_into_cues(said.words, said.text, said.tokens)
    assert max(cue.end - cue.start for cue in found) <= LONGEST_CUE_S
    assert "".join(cue.text for cue in found) == said.text


@pytest.mark.parametrize("form", ["srt", "vtt", "tsv"])
def test_documents_of_scripts_without_spaces(form):
    said = spaceless("好" * 60, 5.0)
    document = format_transcript(said, form)
    assert document.count("好") == 60
    assert "好 好" not in document
