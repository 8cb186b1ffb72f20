"""Real speech from a folder beside the repository or in ``$VOXPORT_DATA``; never part of it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("VOXPORT_DATA", ROOT.parent / "shared" / "data"))
SAMPLES = ROOT / "models" / "commands" / "samples"

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="no real speech here: set VOXPORT_DATA to a folder that has it"
)


def real_speech() -> list[Path]:
    """Return a few short recordings of different speakers, rates and channel counts."""
    names = (
        "speech/vctk-autovc/p225_003.wav",
        "speech/uberi-speech_recognition/audio-mono-16-bit-44100Hz.aiff",
        "digits/recordings/0_george_10.wav",
        "commands/yes/*.flac",
        "commands/_silence_/1024.flac",
    )
    return [sorted(DATA.glob(name))[0] for name in names]


def clips() -> list[Path]:
    """Return real speech if there is any, else the shipped samples."""
    return real_speech() if DATA.is_dir() else sorted(SAMPLES.glob("*.flac"))
