"""Real speech from a folder beside the repository; noise of similar lengths without one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxport.audio.files import audio_files
from voxport.audio.recording import read_clip

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("VOXPORT_DATA", ROOT.parent / "shared" / "data"))
RATE = 16_000  # Hz
_LONGEST_S = 15
_SENTENCES = ("speech/librispeech-test-other", "speech/vctk-autovc", "speech/ljspeech-coqui")
_SHORT = ("commands", "digits", "keywords", "sentences")


def find_recordings() -> list[Path]:
    """Find recordings of words and sentences, at their own rates and in their own formats."""
    return [file for name in (*_SHORT, *_SENTENCES) for file in _find_in(name)]


def read_sentences(count: int) -> list[NDArray[np.float32]]:
    """Return the first clips of read speech of at most 15 s, (samples,) each; else noise."""
    clips: list[NDArray[np.float32]] = []
    for file in (file for name in _SENTENCES for file in _find_in(name)):
        if len(clips) == count:
            break
        waveform = read_clip(file, RATE).waveform
        if len(waveform) <= _LONGEST_S * RATE:
            clips.append(waveform)
    return clips or make_noise(count)


def make_noise(count: int) -> list[NDArray[np.float32]]:
    """Return clips of white noise of 1 to 15 s, (samples,) each."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(RATE, _LONGEST_S * RATE, count)
    return [rng.standard_normal(int(length), np.float32) * 0.1 for length in lengths]


def _find_in(folder: str) -> list[Path]:
    return audio_files(DATA / folder) if (DATA / folder).is_dir() else []
