"""Transcripts of runtime/web as text are those of the Python runtime, byte for byte."""

import json
import random

import pytest

from support import web
from voxport import Token, Transcript, Word
from voxport.transcript.formats import FORMATS, format_transcript

TEXTS = (
    "YES",
    "a",
    "one & two",
    "<b>",
    '"quoted" \\',
    "日本語のテスト",
    "ไทย",
    "tab\there",
    "é\x1f\u2028",
)


@pytest.fixture(scope="module", autouse=True)
def built():
    """The module, compiled."""
    web.build()


def random_transcript(chance):
    """Return a transcript of random words; some have the tokens that spell them."""
    words, tokens, now = [], [], 0.0
    for _ in range(chance.randrange(40)):
        now += chance.choice([0, 0.1, 0.31, 1.2])
        text = chance.choice([*TEXTS, "W" * chance.randrange(1, 60)])
        length = chance.choice([0.04, 0.3, 2.7, 9.00005])
        step = length / len(text)
        if chance.random() < 0.7:
            tokens += [
                Token(letter, now + i * step, now + (i + 1) * step, chance.random())
                for i, letter in enumerate(text)
            ]
        words.append(Word(text, now, now + length, chance.choice([chance.random(), 1.0])))
        now += length
    gap = chance.choice(["", " "])
    return Transcript(gap.join(word.text for word in words), now, tuple(words), tuple(tokens))


def test_every_format_has_the_same_bytes(tmp_path):
    chance = random.Random(23)
    transcripts = [random_transcript(chance) for _ in range(120)]
    plain = [
        {
            "text": one.text,
            "duration": one.duration,
            "words": [vars(word) for word in one.words],
            "tokens": [vars(token) for token in one.tokens],
        }
        for one in transcripts
    ]
    (tmp_path / "cases.json").write_text(json.dumps([plain, FORMATS]))
    found = web.node(
        """
        import { readFileSync } from "node:fs";
        import { FORMATS, formatTranscript } from "voxport";
        const [transcripts, formats] = JSON.parse(readFileSync(process.argv[1], "utf-8"));
        if (FORMATS.join() !== formats.join()) throw new Error(FORMATS.join());
        console.log(JSON.stringify(transcripts.map((one, i) =>
          formats.map((format) => formatTranscript(one, format, i % 2 ? "a b.wav" : undefined)))));
        """,
        tmp_path / "cases.json",
    )
    for i, (one, documents) in enumerate(zip(transcripts, json.loads(found), strict=True)):
        for form, document in zip(FORMATS, documents, strict=True):
            assert document == format_transcript(one, form, "a b.wav" if i % 2 else None)
