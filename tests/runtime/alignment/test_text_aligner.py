"""Alignment of texts with recordings, with a backend whose emission mirrors its input."""

import numpy as np
import pytest

import voxport
from support import data, fakes
from voxport.alignment import trellis
from voxport.alignment.spelling import Unspelled
from voxport.audio import files
from voxport.errors import AlignmentError, InputError
from voxport.recognizer import Recognizer
from voxport.transcript.formats import to_srt


@pytest.fixture
def recognizer():
    return Recognizer(fakes.manifest(), fakes.artifact(), fakes.FakeBackend())


def timed(words):
    return [(word.text, word.start, word.end) for word in words]


def test_words_as_written_have_the_times_of_their_labels(recognizer):
    """A frame is 10 samples at 1000 Hz, 10 ms."""
    found = recognizer.align(fakes.say("--A-B|-C-", frames=1), " Ab,\n c! ")
    assert timed(found.words) == [("Ab,", 0.02, 0.05), ("c!", 0.07, 0.08)]
    assert timed(found.tokens)[2:] == [(" ", 0.05, 0.06), ("C", 0.07, 0.08)]
    assert found.text == "Ab, c!"
    assert found.duration == 0.1
    posterior = np.e / (np.e + 4)
    assert [word.score for word in found.words] == pytest.approx([posterior] * 2)
    assert found.unspelled == ()


def test_a_star_covers_characters_without_a_label(recognizer):
    found = recognizer.align(fakes.say("-A|CCB|-B-", frames=1), "a 42 b")
    assert [word.text for word in found.words] == ["a", "42", "b"]
    assert found.words[1].start <= 0.03 < 0.06 <= found.words[1].end
    assert found.words[1].score == 1
    assert [token.text for token in found.tokens] == ["A", " ", "*", " ", "B"]
    assert found.unspelled == (Unspelled("42", "42"),)


def test_words_are_apart_without_a_delimiter():
    recognizer = Recognizer(
        fakes.manifest(word_delimiter=None), fakes.artifact(), fakes.FakeBackend()
    )
    found = recognizer.align(fakes.say("A-BC", frames=1), "a bc")
    assert timed(found.words) == [("a", 0.0, 0.01), ("bc", 0.02, 0.04)]


def test_a_list_aligns_as_its_items_do(recognizer):
    waveforms = [fakes.say("A-B"), fakes.say("C")]
    found = recognizer.align(waveforms, ["ab", "c"])
    assert found == [recognizer.align(*pair) for pair in zip(waveforms, ["ab", "c"], strict=True)]
    assert recognizer.align([], []) == []


@pytest.mark.parametrize(
    ("text", "message"), [("abcabcabc", "the text is too long"), ("12", "nothing of the text")]
)
def test_errors_name_the_recording(recognizer, text, message):
    waveforms = [fakes.say("A-B"), fakes.say("C")]
    with pytest.raises(AlignmentError, match=rf"^audio\[1\]: {message}"):
        recognizer.align(waveforms, ["ab", text])
    with pytest.raises(AlignmentError, match=rf"^the audio: {message}"):
        recognizer.align(waveforms[1], text)
    with pytest.raises(InputError, match=r"^audio\[1\]: expected an array"):
        recognizer.align([waveforms[0], np.zeros((3, 16000))], ["ab", "c"])


@pytest.mark.parametrize(("recordings", "texts"), [(1, ["a"]), (2, ["a"]), (2, "ab")])
def test_another_number_of_texts_is_refused(recognizer, recordings, texts):
    waveforms = [fakes.say("A"), fakes.say("B")]
    with pytest.raises(InputError, match="as many texts as recordings"):
        recognizer.align(waveforms[0] if recordings == 1 else waveforms, texts)


@pytest.mark.parametrize("text", [None, 3, ["ab", None], b"ab"])
def test_texts_that_are_no_strings_are_refused(recognizer, text):
    for recordings in (fakes.say("A"), [fakes.say("A"), fakes.say("B")]):
        with pytest.raises(InputError, match="expected a text as a string, got"):
            recognizer.align(recordings, text)


def test_log_probabilities_are_not_normalised_again():
    recognizer = Recognizer(
        fakes.manifest(emission="log_probs"), fakes.artifact(), fakes.FakeBackend()
    )
    assert recognizer.align(fakes.say("A"), "a").words[0].score == pytest.approx(np.e)


@pytest.mark.parametrize("name", ["one-two-three", "left-right", "go-up"])
def test_a_transcript_is_aligned_at_its_own_times(name):
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


def test_a_long_recording_is_aligned_from_checkpoints(monkeypatch):
    """Forty seconds, treated like an hour."""
    monkeypatch.setattr(trellis, "_ONE_PASS_CELLS", 0)
    recognizer = voxport.load("commands", provider="cpu")
    clips = [files.read_audio(path).waveform for path in data.SAMPLES.glob("*-*.flac")]
    waveform = np.concatenate(clips * (40 * 16_000 // sum(map(len, clips)) + 1))
    heard = recognizer.transcribe(waveform)
    found = recognizer.align(waveform, heard.text)
    assert len(found.words) == len(heard.words) > 30
    times = [[(word.start, word.end) for word in one.words] for one in (found, heard)]
    np.testing.assert_allclose(*times, atol=0.021)  # a frame


def test_a_script_without_spaces_is_aligned_by_characters():
    """Each character has its own time, and the subtitles join them again."""
    labels = ("-", "|", "今", "天", "好")
    recognizer = Recognizer(fakes.manifest(labels=labels), fakes.artifact(), fakes.FakeBackend())
    found = recognizer.align(fakes.say("-A-B--BC-"), "今天\uff0c天好。")
    assert timed(found.words) == [
        ("今", 0.03, 0.06),
        ("天\uff0c", 0.09, 0.12),
        ("天", 0.18, 0.21),
        ("好。", 0.21, 0.24),
    ]
    assert to_srt(found).splitlines()[2] == "今天\uff0c天好。"


def test_a_text_in_another_normal_form_is_aligned_whole():
    labels = ("-", "|", "\u09dc", "\u09be", "a")  # the first of them is a composition exclusion
    recognizer = Recognizer(fakes.manifest(labels=labels), fakes.artifact(), fakes.FakeBackend())
    for text in ("\u09dc\u09be", "\u09a1\u09bc\u09be"):
        found = recognizer.align(fakes.say("-A-B-"), text)
        assert [token.text for token in found.tokens] == ["\u09dc", "\u09be"]
        assert found.unspelled == ()
        assert timed(found.words) == [(text, 0.03, 0.12)]
