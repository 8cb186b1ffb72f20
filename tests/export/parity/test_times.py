"""When words are said: as eager torchaudio's emission has it, by the same rules."""

from itertools import groupby

import numpy as np
import pytest

import voxport
from support import data
from voxport.audio.recording import read_clip

torch = pytest.importorskip("torch")
eager = pytest.importorskip("voxport_export.parity.eager")
shipped = pytest.importorskip("voxport_export.sources.shipped")

RATE, FRAME = 16_000, 320 / 16_000  # Hz, seconds
FIELD = 400  # samples
PAUSE = np.zeros(RATE // 2, np.float32)


@pytest.fixture(scope="module")
def source():
    return shipped.load_shipped("commands")


@pytest.fixture(scope="module")
def recognizer():
    return voxport.load("commands", provider="cpu")


def waveform(path):
    return read_clip(path, RATE).waveform


def eager_words(source, samples):
    """(text, start, end) of each word, in seconds."""
    emission = eager.eager_emission(source, torch.from_numpy(samples), FIELD)
    runs = [
        (source.pieces[run.label], run.start, run.end)
        for run in eager.decode_emission(emission, source.blank)
    ]
    words = [
        list(group) for is_gap, group in groupby(runs, lambda run: run[0] == " ") if not is_gap
    ]
    return [
        ("".join(text for text, _, _ in word), word[0][1] * FRAME, word[-1][2] * FRAME)
        for word in words
    ]


def check(found, expected):
    assert [word.text for word in found] == [text for text, _, _ in expected]
    for word, (_, start, end) in zip(found, expected, strict=True):
        assert abs(word.start - start) <= FRAME + 1e-9
        assert abs(word.end - end) <= FRAME + 1e-9


def test_words_of_the_samples(source, recognizer):
    paths = sorted(path for path in data.SAMPLES.iterdir() if path.suffix in (".flac", ".wav"))
    for path, found in zip(paths, recognizer.transcribe(paths), strict=True):
        check(found.words, eager_words(source, waveform(path)))


@data.needs_data
def test_words_of_real_speech(source, recognizer):
    for path in data.real_speech():
        check(recognizer.transcribe(path).words, eager_words(source, waveform(path)))


def test_words_of_a_longer_recording(source, recognizer):
    paths = sorted(data.SAMPLES.glob("*.flac")) * 2
    samples = np.concatenate([part for path in paths for part in (waveform(path), PAUSE)])
    found = recognizer.transcribe(samples)
    assert found.duration > 40
    check(found.words, eager_words(source, samples))
