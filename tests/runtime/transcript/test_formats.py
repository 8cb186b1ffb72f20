import html
import io
import json
import os
import random

import pytest

from voxport.transcript.formats import format_transcript, to_json_error
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
def test_documents(form, said, nothing):
    assert format_transcript(SAID, form, "a.wav") == said
    assert format_transcript(NOTHING, form, "a.wav") == nothing


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_an_independent_parser_reads_them(form):
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


def test_names_that_are_no_text():
    name = os.fsdecode(b"\xff-\xc3\xa9.wav")
    for line in (format_transcript(SAID, "json", name), to_json_error(name, "there is none")):
        line.encode()
        assert json.loads(line)["file"] == name


def test_json():
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
