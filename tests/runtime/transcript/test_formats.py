"""Transcripts as documents: every format's layout, and numbers that are the same everywhere."""

import html
import io
import json
import os
import random

import pytest

from voxport.transcript.formats import (
    FORMATS,
    format_alignment,
    format_transcript,
    json_line,
    to_json_error,
)
from voxport.transcript.transcript import Token, Transcript, Word

SAID = Transcript(
    text="YES <NO>",
    duration=3725.5,
    words=(Word("YES", 0.5, 1.25, 0.5), Word("<NO>", 3723.0, 3725.004, 1.0)),
    tokens=(Token("Y", 0.5, 0.52, 0.25),),
)
NOTHING = Transcript(text="", duration=1.0)


@pytest.mark.parametrize(
    ("form", "said", "nothing"),
    [
        ("txt", "YES <NO>\n", "\n"),
        (
            "srt",
            "1\n00:00:00,500 --> 00:00:01,500\nYES\n\n2\n01:02:03,000 --> 01:02:05,004\n<NO>\n",
            "",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nYES\n\n"
            "01:02:03.000 --> 01:02:05.004\n&lt;NO&gt;\n",
            "WEBVTT\n",
        ),
        ("tsv", "start\tend\ttext\n500\t1500\tYES\n3723000\t3725004\t<NO>\n", "start\tend\ttext\n"),
    ],
)
def test_documents_of_every_format(form, said, nothing):
    assert format_transcript(SAID, form, "a.wav") == said
    assert format_transcript(NOTHING, form, "a.wav") == nothing


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_an_independent_parser_reads_the_subtitles(form):
    """Every word, in lines that can be read."""
    webvtt = pytest.importorskip("webvtt")
    rng = random.Random(0)
    starts = [i * 0.7 + 3 * (i // 10) for i in range(200)]
    spoken = [
        Word(rng.choice(["NO", "<B>&", "D'ACCORD", "ÉTÉ", "-->", "COMPUTER"]), at, at + 0.5, 1.0)
        for at in starts
    ]
    text = " ".join(word.text for word in spoken)
    document = format_transcript(Transcript(text, 400.0, tuple(spoken)), form)
    captions = list(webvtt.from_buffer(io.BytesIO(document.encode()), format=form))
    lines = [html.unescape(line) for caption in captions for line in caption.lines]
    assert " ".join(lines) == text
    assert max(map(len, lines)) <= 42
    for caption in captions:
        assert len(caption.lines) <= 2
        assert 1 <= caption.end_in_seconds - caption.start_in_seconds <= 7


def test_file_names_that_are_not_unicode_are_escaped():
    name = os.fsdecode(b"\xff-\xc3\xa9.wav")
    for line in (format_transcript(SAID, "json", name), to_json_error(name, "there is none")):
        line.encode()
        assert json.loads(line)["file"] == name


def test_json_has_one_object_a_line():
    line = format_transcript(SAID, "json", "é.wav")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "file": "é.wav",
        "text": "YES <NO>",
        "duration": 3725.5,
        "words": [
            {"text": "YES", "start": 0.5, "end": 1.25, "score": 0.5},
            {"text": "<NO>", "start": 3723.0, "end": 3725.004, "score": 1.0},
        ],
        "tokens": [{"text": "Y", "start": 0.5, "end": 0.52, "score": 0.25}],
    }
    assert json.loads(to_json_error("a.wav", "there is none")) == {
        "file": "a.wav",
        "error": "there is none",
    }


# The same recording in two batches: scores differ in the seventh digit, as was measured.
ONCE = Transcript(
    "A", 1.2345678, (Word("A", 0.02, 0.041234567, 0.91234561),), (Token("A", 0.02, 0.04, 0.9),)
)
AGAIN = Transcript(
    "A", 1.2345679, (Word("A", 0.02, 0.041234568, 0.91234567),), (Token("A", 0.02, 0.04, 0.9),)
)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_writes_the_same_numbers_whatever_the_batch(form):
    assert format_transcript(ONCE, form) == format_transcript(AGAIN, form)
    assert format_alignment(ONCE, form) == format_alignment(AGAIN, form)


def test_numbers_are_rounded_to_four_decimals_half_up():
    """As floor(x * 10**4 + 0.5) / 10**4, which C++ and JavaScript compute alike."""
    given = {
        "a": 0.00375,
        "b": [0.00125, 0.12344999],
        "c": {"d": (1.0, 0.99995)},
        "n": 3,
        "t": True,
    }
    found = json.loads(json_line(given))
    assert found == {"a": 0.0038, "b": [0.0013, 0.1234], "c": {"d": [1.0, 1.0]}, "n": 3, "t": True}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_json_is_json_whatever_the_score(value):
    """NaN and Infinity are no JSON: strict parsers refuse a line that holds them."""

    def refuse(constant):
        raise AssertionError(constant)

    said = Transcript("A", 1.0, (Word("A", 0.0, 1.0, value),), (Token("A", 0.0, 1.0, value),))
    found = json.loads(format_transcript(said, "json", "a.wav"), parse_constant=refuse)
    assert found["words"][0]["score"] is None
    assert found["tokens"][0]["score"] is None


def test_spaces_are_kept_as_the_reference_decoder_gives_them():
    """The labels joined: a delimiter at either end, or two in a row, are spaces."""
    said = Transcript(" A  B ", 1.0)
    assert format_transcript(said, "txt") == " A  B \n"
    assert json.loads(format_transcript(said, "json"))["text"] == " A  B "


def test_an_aligned_text_is_written_as_its_words_times():
    assert format_alignment(SAID, "txt").splitlines()[0] == "     0.50      1.25  0.50  YES"
    assert format_alignment(SAID, "srt") == format_transcript(SAID, "srt")
