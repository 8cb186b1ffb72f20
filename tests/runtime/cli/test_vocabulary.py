"""Words outside the vocabulary of the model that ships."""

import pytest

import voxport
from support import data, fakes
from support.command import YES
from voxport.cli.vocabulary import is_probably_outside, vocabulary_note
from voxport.transcript.transcript import Transcript, Word

COMMANDS = fakes.model(source="shipped:commands")


def said(*scores):
    return Transcript("", 1.0, tuple(Word("A", 0.0, 1.0, score) for score in scores))


@pytest.mark.parametrize(
    ("transcript", "is_outside"),
    [(said(0.9, 0.85), False), (said(0.65), True), (said(0.9, 0.5), True), (said(), False)],
)
def test_low_scores_are_outside(transcript, is_outside):
    assert is_probably_outside(COMMANDS, transcript) is is_outside
    assert not is_probably_outside(fakes.model(), transcript)  # measured for one model only


def test_only_the_shipped_model_has_a_note():
    assert "any other speech comes out as nonsense" in vocabulary_note(COMMANDS)
    assert vocabulary_note(fakes.model()) is None


@data.needs_data
def test_recordings_inside_and_outside():
    recognizer = voxport.load("commands", provider="cpu")
    model = recognizer.manifest.model
    sentences = sorted(data.DATA.glob("speech/librispeech-test-other/*.flac"))[:3]
    assert all(is_probably_outside(model, t) for t in recognizer.transcribe(sentences))
    assert not is_probably_outside(model, recognizer.transcribe(YES))
