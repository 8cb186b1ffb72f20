"""Pretraining of the convolutions by regression of log-mel bands.

From random weights, CTC spends its first hours discovering spectra. Here the convolution stack and
the feature projection first regress log-mel bands of the same frames (window 400, hop 320, no
centring: the stack's own arithmetic); this takes minutes and needs no transcripts.
"""

from __future__ import annotations

import math

import torch
import torchaudio
from torch import Tensor, nn

MELS = 64
WINDOW, HOP, FFT = 400, 320, 512


class LogMel(nn.Module):
    """Log-mel bands of a waveform at unit RMS."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW))
        self.register_buffer(
            "bands", torchaudio.functional.melscale_fbanks(FFT // 2 + 1, 40.0, 8000.0, MELS, 16_000)
        )

    @torch.no_grad()
    def forward(self, waveform: Tensor) -> Tensor:
        """Map (B, S) to (B, T, MELS)."""
        rms = (waveform.square().mean(1, keepdim=True) + 1e-9).sqrt()
        frames = (waveform / rms).unfold(1, WINDOW, HOP) * self.window  # (rows, frames, WINDOW)
        power = torch.fft.rfft(frames, FFT).abs().square()
        mel = (power @ self.bands + 1e-2).log()
        return (mel - 1.0) / 3.0  # about zero mean and unit variance over this data


class Regression(nn.Module):
    """The model's own convolutions and first normalisation, with a linear head to the bands."""

    def __init__(self, model: torchaudio.models.Wav2Vec2Model) -> None:
        super().__init__()
        self.features = model.feature_extractor
        self.norm = model.encoder.feature_projection.layer_norm
        self.head = nn.Linear(self.norm.normalized_shape[0], MELS)

    def forward(self, waveform: Tensor) -> Tensor:
        """Map (B, S) to (B, T, MELS)."""
        features, _ = self.features(waveform, None)  # (rows, frames, channels)
        return self.head(self.norm(features))


@torch.no_grad()
def scale_filters(model: torchaudio.models.Wav2Vec2Model, factor: float) -> None:
    """Scale the first filters up; the output stays.

    GroupNorm divides the factor out, and its epsilon then matters only for inputs below about
    -80 dB of full scale, which should read as silence.
    """
    model.feature_extractor.conv_layers[0].conv.weight.mul_(factor)


@torch.no_grad()
def install(model: torchaudio.models.Wav2Vec2Model, head: nn.Linear) -> None:
    """Replace the feature projection by a random one (MELS -> width) behind the regression head."""
    projection = model.encoder.feature_projection.projection
    mix = torch.randn(projection.out_features, MELS) / math.sqrt(MELS)
    projection.weight.copy_(mix @ head.weight)
    projection.bias.copy_(mix @ head.bias)
