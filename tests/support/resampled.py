"""Recordings as torchaudio's own users prepare them."""

from pathlib import Path

import torch
import torchaudio

from voxport.audio.files import read_audio


def read_for_torchaudio(path: Path) -> torch.Tensor:
    """A recording's samples at 16 kHz, resampled by torchaudio."""
    audio = read_audio(path)
    return torchaudio.functional.resample(
        torch.from_numpy(audio.waveform), audio.sample_rate, 16_000
    )
