"""The model that ships: its package is whole, up to date with its weights, and hears."""

import json

import numpy as np
import pytest

import voxport
from support.data import ROOT, SAMPLES
from voxport.audio.files import read_audio
from voxport.package.find import SHIPPED
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify

ROWS = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]
RATE = 16_000
TIME = np.arange(3 * RATE, dtype=np.float32) / RATE


@pytest.fixture(scope="module")
def recognizer():
    return voxport.load("commands", provider="cpu")


def test_the_package_verifies():
    assert verify(SHIPPED / "commands").ok


def test_the_recordings_are_heard_right(recognizer):
    found = recognizer.transcribe([SAMPLES / row["file"] for row in ROWS])
    assert {row["file"]: t.text for row, t in zip(ROWS, found, strict=True)} == {
        row["file"]: row["transcript"] for row in ROWS
    }


def noise(seed):
    return np.random.default_rng(seed).standard_normal(3 * RATE).astype(np.float32)


NOTHING = {
    "digital silence": 0 * TIME,
    "dither": noise(0) / 32768,
    "white noise": noise(1) * 0.05,
    "loud white noise": noise(2) * 0.3,
    "brown noise": np.cumsum(noise(3)) * 1e-3,
    "mains hum": 0.1 * np.sin(2 * np.pi * 50 * TIME),
    "a tone": 0.2 * np.sin(2 * np.pi * 440 * TIME),
    "clicks": 0.5 * (np.arange(3 * RATE) % 7919 == 0).astype(np.float32),
    "an offset": 0 * TIME + 0.1,
}


@pytest.mark.parametrize("waveform", NOTHING.values(), ids=NOTHING)
def test_nothing_is_heard_where_nobody_speaks(recognizer, waveform):
    assert recognizer.transcribe(waveform.astype(np.float32)).text == ""


def test_the_package_was_made_from_the_weights_beside_it():
    """A new training run must be followed by a new export."""
    torch = pytest.importorskip("torch")
    source = pytest.importorskip("voxport_export.sources.shipped").load_shipped("commands")
    eager = pytest.importorskip("voxport_export.parity.eager")
    manifest = read_manifest(SHIPPED / "commands")
    assert manifest.model.source == source.origin
    assert manifest.model.parameters == source.parameters
    clip = manifest.golden[0]
    recorded = np.load(SHIPPED / "commands" / clip.emission.path)
    waveform = read_audio(SHIPPED / "commands" / clip.path).waveform
    emission = eager.eager_emission(source, torch.from_numpy(waveform), 400).numpy()
    np.testing.assert_allclose(emission, recorded, atol=1e-4 * float(np.abs(recorded).max()))


def test_the_card_and_the_sources_are_there():
    card = (ROOT / "models" / "commands" / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card
