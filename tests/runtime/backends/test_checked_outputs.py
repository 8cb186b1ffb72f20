"""Outputs that break the contract are refused before anybody reads them."""

import dataclasses

import numpy as np
import pytest

from support import fakes
from voxport.backends.checked_outputs import CheckedBackend
from voxport.backends.contract import DECODED, OUTPUTS, FeatureOutput
from voxport.errors import InferenceError
from voxport.recognizer import Recognizer

WAVEFORM = np.stack([fakes.say("AB|C"), fakes.say("-A--")])
LENGTHS = np.array([WAVEFORM.shape[1]] * 2)


class Lying(fakes.FakeBackend):
    """A backend that changes its outputs before it returns them."""

    def __init__(self, **changes):
        super().__init__()
        self.changes = changes

    def run(self, waveform, lengths, outputs=OUTPUTS):
        output = super().run(waveform, lengths, outputs)
        changes = {
            name: change(getattr(output, name))
            for name, change in self.changes.items()
            if getattr(output, name) is not None
        }
        return dataclasses.replace(output, **changes)

    def extract(self, waveform, lengths, layers):
        layer = np.zeros((len(waveform), 3, 4), np.float32)
        layers = [self.changes.get("layer", np.copy)(layer)]
        return FeatureOutput(layers, np.array([3, 2]))


def ask(backend, outputs=OUTPUTS):
    return CheckedBackend(backend, "model.onnx", fakes.model()).run(WAVEFORM, LENGTHS, outputs)


def put(value, place=(0, 0)):
    def change(values):
        values = values.copy()
        values[place] = value
        return values

    return change


def test_honest_outputs_are_returned():
    output = ask(fakes.FakeBackend())
    assert output.transcript == ["AB C", "A"]
    assert ask(fakes.FakeBackend(), DECODED).emission is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"emission": lambda x: None}, "it gives no emission"),
        ({"emission": lambda x: x[:1]}, r"emission has the shape \[1, "),
        ({"emission": lambda x: x[..., :4]}, r"\[2, 12, 4\], not \[2, 'any', 5\]"),
        ({"emission": lambda x: x.astype(np.float64)}, "emission is float64, not float32"),
        ({"emission": put(np.nan, (1, 0, 0))}, "emission holds values that are not numbers"),
        ({"emission": lambda x: np.resize(x, (2, 99, 5))}, "an emission of 99 frames, more than"),
        ({"emission_lengths": put(13, 0)}, "lengths of emission reach from"),
        ({"emission_lengths": put(-1, 0)}, "lengths of emission reach from -1"),
        ({"emission_lengths": lambda x: x.astype(np.int32)}, "is int32, not int64"),
        ({"tokens": put(5)}, "tokens reach from 1 to 5, beyond 0 to 4"),
        ({"tokens": put(-1)}, "tokens reach from -1"),
        ({"tokens": put(2**62)}, "tokens reach from"),
        ({"tokens": lambda x: x[:, :1]}, r"has the shape \[2, 4\], not \[2, 1\]"),
        ({"token_lengths": put(9, 0)}, "lengths of tokens reach from 1 to 9"),
        ({"token_lengths": lambda x: x[:1]}, r"has the shape \[1\], not \[2\]"),
        ({"token_starts": put(-7)}, "token_starts reach from -7"),
        ({"token_ends": put(10**9)}, "token_ends reach from"),
        ({"token_ends": put(0)}, "a token ends before it starts"),
        ({"token_ends": put(7)}, "a token starts before the one before it ends"),
        ({"token_scores": put(np.nan)}, "token_scores reach from nan"),
        ({"token_scores": put(1.5)}, "token_scores reach from"),
        ({"transcript": lambda x: x[:1]}, "1 transcripts for 2 recordings"),
        ({"transcript": lambda x: [b"A", b"B"]}, "a transcript is no text"),
        ({"transcript": lambda x: [x[0], "\x1b[2J"]}, "its transcript is not its tokens joined"),
    ],
)
def test_a_broken_output_is_refused(changes, problem):
    with pytest.raises(InferenceError, match=rf"model\.onnx: its graph breaks .*{problem}"):
        ask(Lying(**changes))


def test_padding_of_tokens_may_hold_anything():
    assert ask(Lying(tokens=put(2**40, (1, 3)))).tokens[1, 3] == 2**40


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (lambda x: x[:1], r"a layer has the shape \[1, 3, 4\]"),
        (lambda x: x * np.nan, "values that are not numbers"),
        (lambda x: x[:, :2], "lengths of the features reach from 2 to 3"),
        (lambda x: np.resize(x, (2, 10**4, 4)), "10000 frames of features"),
    ],
)
def test_broken_features_are_refused(layer, problem):
    backend = CheckedBackend(Lying(layer=layer), "model.onnx", fakes.model())
    with pytest.raises(InferenceError, match=problem):
        backend.extract(WAVEFORM, LENGTHS, [1])


def test_the_first_space_of_word_pieces_is_not_in_the_transcript():
    """A label that begins a word holds the space before it, and no text begins with one."""
    labels = ("-", "|", " A", "B", "C")
    model = fakes.model(labels=labels, word_delimiter=None)
    honest = Lying(transcript=lambda x: [" AB|C"[1:], "A"])
    output = CheckedBackend(honest, "model.onnx", model).run(WAVEFORM, LENGTHS)
    assert output.transcript == ["AB|C", "A"]


def test_scores_that_are_not_numbers_are_an_error_and_never_a_transcript():
    checked = CheckedBackend(Lying(token_scores=put(np.nan)), "model.onnx", fakes.model())
    recognizer = Recognizer(fakes.manifest(), fakes.artifact(), checked)
    [outcome] = recognizer.transcribe_each([fakes.say("AB")])
    assert "token_scores reach from nan" in outcome.error.reason
