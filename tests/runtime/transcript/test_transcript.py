"""Transcripts from the graph's output: words, times, scores and spaces."""

from dataclasses import replace

import pytest

from support import fakes
from voxport.backends.contract import DECODED
from voxport.recognizer import Recognizer
from voxport.transcript.transcript import Token, TokenPath, Word, build_transcript


def transcribe(text: str, frames: int = 3, **model):
    recognizer = Recognizer(fakes.manifest(**model), fakes.artifact(), fakes.FakeBackend())
    return recognizer.transcribe(fakes.say(text, frames))


def test_frames_become_seconds_and_scores_means():
    """A frame is 10 samples at 1000 Hz: 10 ms."""
    found = transcribe("AB|C", frames=2)
    assert found.text == "AB C"
    assert found.duration == 0.09
    scores = [pytest.approx(1 / (1 + label)) for label in (2, 3, 1, 4)]
    assert found.tokens == (
        Token("A", 0.0, 0.02, scores[0]),
        Token("B", 0.02, 0.04, scores[1]),
        Token(" ", 0.04, 0.06, scores[2]),
        Token("C", 0.06, 0.08, scores[3]),
    )
    assert found.words == (
        Word("AB", 0.0, 0.04, pytest.approx((1 / 3 + 1 / 4) / 2)),
        Word("C", 0.06, 0.08, scores[3]),
    )


def test_a_words_score_is_weighted_by_frames():
    found = transcribe("AAAB", frames=1)
    assert found.words[0].score == pytest.approx((3 * 1 / 3 + 1 * 1 / 4) / 4)


@pytest.mark.parametrize(
    ("said", "text", "words"),
    [
        ("", "", []),
        ("---", "", []),
        ("|", " ", []),
        ("A-A", "AA", ["AA"]),
        ("AA", "A", ["A"]),
        ("|A|", " A ", ["A"]),
        ("A|-|B", "A  B", ["A", "B"]),
    ],
)
def test_delimiters_part_words_and_stay_in_the_text(said, text, words):
    found = transcribe(said)
    assert found.text == text
    assert [word.text for word in found.words] == words
    assert "".join(token.text for token in found.tokens) == text


def test_a_model_without_a_delimiter_has_one_word():
    found = transcribe("AB|C", word_delimiter=None)
    assert [word.text for word in found.words] == ["AB|C"]
    assert (found.words[0].start, found.words[0].end) == (0.0, 0.12)


def test_phonemes_are_words_of_their_own():
    """A phoneme tokenizer's labels end in a space; a word's text does not."""
    model = replace(fakes.model(), labels=("-", "", "h ", "oʊ "), word_delimiter=None)
    path = TokenPath([2, 3, 3], [0, 3, 8], [1, 5, 9], [0.5, 0.7, 0.9])
    found = build_transcript(path, 10.0, model)
    assert found.text == "h oʊ oʊ "
    assert [word.text for word in found.words] == ["h", "oʊ", "oʊ"]
    assert [word.score for word in found.words] == [0.5, 0.7, 0.9]


def test_times_stay_within_the_recording():
    """The last frame's stride may reach past the last sample."""
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())
    found = recognizer.transcribe(fakes.say("A", 1)[:20])
    assert found.tokens[0].end <= found.duration == 0.02


def test_only_decoded_outputs_are_requested():
    """Emissions are large: on a GPU their copy to the host is what costs."""
    backend = fakes.FakeBackend()
    Recognizer(fakes.manifest(), fakes.artifact(), backend).transcribe(fakes.say("A"))
    assert backend.asked == [DECODED]
