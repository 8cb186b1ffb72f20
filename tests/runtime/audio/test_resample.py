"""Resampling against torchaudio, whole and as a stream."""

import numpy as np
import pytest

from voxport.audio.resample import Resampler, resample

RATES = [8000, 11025, 12345, 22050, 24000, 32000, 44100, 48000, 96000]
TOLERANCE = 1e-5


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).uniform(-1, 1, samples).astype(np.float32)


def torchaudio_resample(waveform, orig, new):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio.functional")
    return functional.resample(torch.from_numpy(waveform), orig, new).numpy()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.0001, 0.01, 1.37])
def test_equals_torchaudio(rate, seconds):
    waveform = noise(max(1, int(rate * seconds)))
    expected = torchaudio_resample(waveform, rate, 16000)
    found = resample(waveform, rate, 16000)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE


@pytest.mark.parametrize(("orig", "new"), [(16000, 8000), (16000, 44100), (7, 5), (441, 160)])
def test_equals_torchaudio_for_other_models(orig, new):
    waveform = noise(3 * orig + 1)
    expected = torchaudio_resample(waveform, orig, new)
    found = resample(waveform, orig, new)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE


def test_rates_without_a_common_divisor_need_little_memory():
    """Torchaudio's kernel for these would hold 44 101 * 16 000 numbers."""
    waveform = np.sin(2 * np.pi * 440 * np.arange(44101) / 44101).astype(np.float32)
    found = resample(waveform, 44101, 16000)
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(found - expected)[100:-100].max() < 1e-3


def test_blocks_leave_no_seams(monkeypatch):
    whole = resample(noise(50_000), 44100, 16000)
    monkeypatch.setattr("voxport.audio.resample._WINDOW_FLOATS", 5000)
    assert np.abs(resample(noise(50_000), 44100, 16000) - whole).max() < 1e-6


@pytest.mark.parametrize("block", [1, 100, 4410, 65_536])
@pytest.mark.parametrize(("orig", "new"), [(44100, 16000), (8000, 16000), (12345, 16000)])
def test_a_stream_equals_the_whole(orig, new, block):
    waveform = noise(70_001 if block > 100 else 3 * block + 5_001)
    resampler = Resampler(orig, new)
    blocks = [waveform[start : start + block] for start in range(0, len(waveform), block)]
    found = np.concatenate([*(resampler.push(part) for part in blocks), resampler.finish()])
    whole = resample(waveform, orig, new)
    assert found.shape == whole.shape
    assert np.abs(found - whole).max() < 1e-6


def test_a_stream_returns_complete_samples_at_once():
    resampler = Resampler(48000, 16000)
    assert len(resampler.push(noise(48000))) > 15_900


def test_the_same_rate_returns_the_same_array():
    waveform = noise(10)
    assert resample(waveform, 16000, 16000) is waveform


def test_an_empty_waveform_stays_empty():
    assert resample(noise(0), 8000, 16000).shape == (0,)


def test_the_input_is_not_changed():
    waveform = noise(1000)
    before = waveform.copy()
    resample(waveform, 8000, 16000)
    assert (waveform == before).all()
