"""Recordings of a load: real ones of mixed lengths where they are, noise elsewhere."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import speech
from benchmarks.serving.client import Clip, encode
from voxport.audio.recording import read_clip

_LONG_SECONDS = 3600.0
_LONGEST_CLIP_S = 30.0


def choose(seconds: float, folder: Path, seed: int = 0) -> list[tuple[Path, float]]:
    """Return files with their lengths, of so many seconds together, the same for a seed."""
    paths = speech.find_recordings() or _write_noise(folder)
    draw = random.Random(seed)
    found: list[tuple[Path, float]] = []
    total = 0.0
    while total < seconds:
        path = draw.choice(paths)
        length = read_clip(path, speech.RATE).seconds
        if length <= _LONGEST_CLIP_S:
            found.append((path, length))
            total += length
    return found


def as_requests(files: list[tuple[Path, float]]) -> list[Clip]:
    """Return the files as requests."""
    return [encode(path, length, "model") for path, length in files]


def write_long(folder: Path, seconds: float = _LONG_SECONDS) -> Clip:
    """Write one long recording of the files joined, and return it as a request."""
    path = folder / "long.flac"
    with soundfile.SoundFile(path, "w", speech.RATE, 1, format="FLAC") as file:
        for source, _ in choose(seconds, folder, seed=1):
            file.write(read_clip(source, speech.RATE).waveform)
    return encode(path, soundfile.info(path).duration, "model")


def _write_noise(folder: Path) -> list[Path]:
    paths: list[Path] = []
    for number, waveform in enumerate(speech.make_noise(40)):
        paths.append(folder / f"noise{number}.wav")
        soundfile.write(paths[-1], np.clip(waveform, -1, 1), speech.RATE)
    return paths
