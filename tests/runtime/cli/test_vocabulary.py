"""Words outside the vocabulary of the model that ships."""

import json
import re
from dataclasses import replace

import pytest

import voxport
from support import data, fakes
from support.command import YES
from voxport.cli.vocabulary import NOTE, WORDS, is_probably_outside, vocabulary_note
from voxport.package.find import find_package
from voxport.package.read_manifest import read_manifest
from voxport.transcript.transcript import Transcript, Word

COMMANDS = fakes.model(source="shipped:commands")


def said(**scores):
    words = tuple(Word(text, 0.0, 1.0, score) for text, score in scores.items())
    return Transcript("", 1.0, words)


@pytest.mark.parametrize(
    ("transcript", "is_outside"),
    [
        (said(YES=0.9, NO=0.85), False),
        (said(YES=0.59), True),
        (said(YES=0.9, NO=0.2), True),
        (said(HADOUJEKE=0.9), True),
        (said(SMART=0.95, MIROR=0.8), True),
        (said(HEY=0.9, CHATTERBOX=0.9, BOC=0.9), False),
        (said(), False),
    ],
)
def test_unknown_words_and_low_scores_are_outside(transcript, is_outside):
    assert is_probably_outside(COMMANDS, transcript) is is_outside
    assert not is_probably_outside(fakes.model(), transcript)  # measured for one model only


def test_the_words_are_those_of_the_model_card():
    card = (data.SAMPLES.parent / "README.md").read_text(encoding="utf-8")
    listed = card.partition("## Vocabulary")[2].partition("\n## ")[0]
    words = re.sub(r"- [a-z, ]+:", " ", listed).replace("zero to nine, alone and in strings", "")
    digits = "zero one two three four five six seven eight nine"
    assert set(re.findall("[a-z]+", f"{words} {digits}")) == {word.lower() for word in WORDS}


def test_a_package_tells_what_it_understands():
    assert "any other speech comes out as nonsense" in vocabulary_note(COMMANDS)
    assert vocabulary_note(fakes.model()) is None
    assert vocabulary_note(replace(fakes.model(), vocabulary="names of birds")) == "names of birds"


def test_the_shipped_packages_note_is_that_of_its_model():
    shipped = read_manifest(find_package("commands"))
    assert shipped.model.vocabulary == NOTE
    config = json.loads((data.ROOT / "models" / "commands" / "config.json").read_text())
    assert config["vocabulary"] == NOTE
    assert shipped.to_json() == (find_package("commands") / "manifest.json").read_text()


@data.needs_data
def test_recordings_inside_and_outside():
    recognizer = voxport.load("commands", provider="cpu")
    model = recognizer.manifest.model
    sentences = sorted(data.DATA.glob("speech/librispeech-test-other/*.flac"))[:3]
    assert all(is_probably_outside(model, t) for t in recognizer.transcribe(sentences))
    assert not is_probably_outside(model, recognizer.transcribe(YES))
