"""Texts on recordings, in Python: with a backend whose emission a test can read off its input."""

import numpy as np
import pytest

import voxport
from support import data, fakes
from voxport.alignment import trellis
from voxport.alignment.spelling import Unspelled
from voxport.audio import files
from voxport.errors import AlignmentError, InputError
from voxport.recognizer import Recognizer


@pytest.fixture
def recognizer():
    return Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())


def timed(words):
    return [(word.text, word.start, word.end) for word in words]


def test_words_as_written_when_they_were_said(recognizer):
    """A frame is 10 samples at 1000 Hz: 10 ms."""
    found = recognizer.align(fakes.say("--A-B|-C-", frames=1), " Ab,\n c! ")
    assert timed(found.words) == [("Ab,", 0.02, 0.05), ("c!", 0.07, 0.08)]
    assert timed(found.tokens)[2:] == [(" ", 0.05, 0.06), ("C", 0.07, 0.08)]
    assert found.text == "Ab, c!"
    assert found.duration == 0.1
    posterior = np.e / (np.e + 4)
    assert [word.score for word in found.words] == pytest.approx([posterior] * 2)
    assert found.unspelled == ()


def test_a_star_for_what_cannot_be_spelled(recognizer):
    found = recognizer.align(fakes.say("-A|CCB|-B-", frames=1), "a 42 b")
    assert [word.text for word in found.words] == ["a", "42", "b"]
    assert found.words[1].start <= 0.03 < 0.06 <= found.words[1].end
    assert found.words[1].score == 1
    assert [token.text for token in found.tokens] == ["A", " ", "*", " ", "B"]
    assert found.unspelled == (Unspelled("42", "42"),)


def test_without_a_delimiter_words_are_still_apart():
    recognizer = Recognizer(
        fakes.manifest(word_delimiter=None), fakes.artifact(), fakes.FakeBackend()
    )
    found = recognizer.align(fakes.say("A-BC", frames=1), "a bc")
    assert timed(found.words) == [("a", 0.0, 0.01), ("bc", 0.02, 0.04)]


def test_lists(recognizer):
    waveforms = [fakes.say("A-B"), fakes.say("C")]
    found = recognizer.align(waveforms, ["ab", "c"])
    assert found == [recognizer.align(*pair) for pair in zip(waveforms, ["ab", "c"], strict=True)]
    assert recognizer.align([], []) == []


@pytest.mark.parametrize(
    ("text", "message"), [("abcabcabc", "the text is too long"), ("12", "nothing of the text")]
)
def test_what_cannot_be_aligned_names_the_recording(recognizer, text, message):
    waveforms = [fakes.say("A-B"), fakes.say("C")]
    with pytest.raises(AlignmentError, match=rf"^audio\[1\]: {message}"):
        recognizer.align(waveforms, ["ab", text])
    with pytest.raises(AlignmentError, match=rf"^the audio: {message}"):
        recognizer.align(waveforms[1], text)
    with pytest.raises(InputError, match=r"^audio\[1\]: expected an array"):
        recognizer.align([waveforms[0], np.zeros((3, 16000))], ["ab", "c"])


@pytest.mark.parametrize(("recordings", "texts"), [(1, ["a"]), (2, ["a"]), (2, "ab")])
def test_as_many_texts_as_recordings(recognizer, recordings, texts):
    waveforms = [fakes.say("A"), fakes.say("B")]
    with pytest.raises(InputError, match="as many texts as recordings"):
        recognizer.align(waveforms[0] if recordings == 1 else waveforms, texts)


@pytest.mark.parametrize("text", [None, 3, ["ab", None], b"ab"])
def test_texts_are_strings(recognizer, text):
    for recordings in (fakes.say("A"), [fakes.say("A"), fakes.say("B")]):
        with pytest.raises(InputError, match="expected a text as a string, got"):
            recognizer.align(recordings, text)


def test_log_probabilities_are_taken_as_they_are():
    recognizer = Recognizer(
        fakes.manifest(emission="log_probs"), fakes.artifact(), fakes.FakeBackend()
    )
    assert recognizer.align(fakes.say("A"), "a").words[0].score == pytest.approx(np.e)


@pytest.mark.parametrize("name", ["one-two-three", "left-right", "go-up"])
def test_a_transcript_is_aligned_where_it_was_heard(name):
    recognizer = voxport.load("commands", provider="cpu")
    [path] = data.SAMPLES.glob(f"{name}.*")
    heard = recognizer.transcribe(path)
    found = recognizer.align(path, heard.text.strip().lower())
    assert [(word.start, word.end) for word in found.words] == [
        (word.start, word.end) for word in heard.words
    ]
    assert [word.score for word in found.words] == pytest.approx(
        [word.score for word in heard.words], abs=1e-5
    )


def test_a_long_recording(monkeypatch):
    """Aligned from checkpoints; forty seconds, as if they were an hour."""
    monkeypatch.setattr(trellis, "_ONE_PASS", 0)
    recognizer = voxport.load("commands", provider="cpu")
    clips = [files.read_audio(path).waveform for path in data.SAMPLES.glob("*-*.flac")]
    waveform = np.concatenate(clips * (40 * 16_000 // sum(map(len, clips)) + 1))
    heard = recognizer.transcribe(waveform)
    found = recognizer.align(waveform, heard.text)
    assert len(found.words) == len(heard.words) > 30
    times = [[(word.start, word.end) for word in one.words] for one in (found, heard)]
    np.testing.assert_allclose(*times, atol=0.021)  # a frame
