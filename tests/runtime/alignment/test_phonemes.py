"""Phoneme labels, which end in the space between phonemes: alignment, search, pictures, cues."""

import numpy as np
import pytest

from support import fakes
from voxport.alignment.spelling import Speller
from voxport.alignment.text_aligner import align
from voxport.decoding.beam_search import BeamSearch
from voxport.decoding.greedy import decode
from voxport.errors import AlignmentError, InputError
from voxport.transcript.formats import format_alignment, format_transcript
from voxport.transcript.transcript import build_transcript

LABELS = ("-", "<s> ", "h ", "ə ", "l ", "o ", "oʊ ", "tʃ ")
MODEL = fakes.model(labels=LABELS, word_delimiter=None)
HELLO = (2, 3, 4, 6)


def emission(tokens=HELLO):
    """Three frames a token, and a blank behind each."""
    frames = np.repeat([label for token in tokens for label in (token, 0)], 3)
    return np.eye(len(LABELS), dtype=np.float32)[frames] * 9


def seconds(of):
    return len(of) * MODEL.frame_stride / MODEL.sample_rate


@pytest.mark.parametrize("text", ["h ə l oʊ", "həloʊ", "H ə L oʊ", "hə loʊ"])
def test_phonemes_spell_with_and_without_spaces(text):
    spelling = Speller(MODEL).spell(text)
    assert tuple(spelling.tokens) == HELLO
    assert spelling.texts == text.split()
    assert spelling.unspelled == ()


def test_marks_of_a_tokenizer_are_no_phonemes():
    with pytest.raises(AlignmentError, match=r"labels: h ə l o oʊ tʃ$"):
        Speller(MODEL).spell("xyz")


def test_phonemes_are_aligned():
    heard = emission()
    (aligned,) = align([heard], ["h ə l oʊ"], [seconds(heard)], MODEL)
    frame = MODEL.frame_stride / MODEL.sample_rate
    assert [word.text for word in aligned.words] == ["h", "ə", "l", "oʊ"]
    assert [word.start for word in aligned.words] == pytest.approx(np.arange(4) * 6 * frame)
    assert [line.split()[-1] for line in format_alignment(aligned, "txt").splitlines()] == [
        "h", "ə", "l", "oʊ",
    ]  # fmt: skip
    (whole,) = align([heard], ["həloʊ"], [seconds(heard)], MODEL)
    assert [(word.text, word.start) for word in whole.words] == [("həloʊ", 0.0)]


def test_a_beam_search_finds_the_greedy_phonemes():
    heard = emission()
    path = BeamSearch(width=10).build_decoder(MODEL)(heard)
    assert path.tokens == list(HELLO)
    greedy = build_transcript(decode(heard, 0), seconds(heard), MODEL)
    assert build_transcript(path, seconds(heard), MODEL).text == greedy.text == "h ə l oʊ "


def test_hot_words_of_phonemes_are_refused_with_the_reason():
    with pytest.raises(InputError, match="this model's labels have no word delimiter"):
        BeamSearch(hot_words=("h ə",)).build_decoder(MODEL)


@pytest.mark.parametrize("form", ["srt", "vtt", "tsv", "txt"])
def test_cues_hold_phonemes_between_single_spaces(form):
    heard = emission()
    transcript = build_transcript(decode(heard, 0), seconds(heard), MODEL)
    assert "h ə l oʊ" in format_transcript(transcript, form)


def test_a_picture_names_phonemes_without_their_spaces():
    pytest.importorskip("matplotlib")
    from voxport.pictures import recognition
    from voxport.pictures.excerpt import Excerpt

    heard = emission()
    waveform = np.zeros(len(heard) * MODEL.frame_stride, np.float32)
    transcript = build_transcript(decode(heard, 0), seconds(heard), MODEL)
    made = recognition.draw(Excerpt("a.wav", waveform, MODEL.sample_rate), heard, transcript, MODEL)
    names = ["h", "ə", "l", "oʊ"]
    assert [tick.get_text() for tick in made.axes[1].get_yticklabels()] == ["blank", *names]
    for axes in made.axes[2:4]:
        assert [text.get_text() for text in axes.texts] == names
    assert [text.get_text() for text in made.axes[1].texts if text.get_text() in names] == names
