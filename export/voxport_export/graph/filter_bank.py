"""Waveform to mel energies: frames, their spectrum as one matrix product, and the mel filters.

The product is float64. A recording's spectrum spans many powers of ten, and of its quiet bins
float32 leaves too little for a logarithm. What a family does to a frame before its spectrum is
linear, so it is folded into the matrix.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MelEnergies(nn.Module):
    """Mel energies of frames.

    Args:
        window: float64 (N,), multiplied with each frame.
        prepare: float64 (N, N), applied to a frame before the window; None: nothing.
        fft_length: at least N.
        filters: (fft_length / 2 + 1, M).
        hop: samples from one frame to the next.
        centres: subtract each frame's mean first.
    """

    spectrum: Tensor  # float64 (N, 2 * bins): cosines, then sines
    filters: Tensor  # float32 (bins, M)

    def __init__(
        self,
        window: Tensor,
        prepare: Tensor | None,
        fft_length: int,
        filters: Tensor,
        hop: int,
        centres: bool,
    ):
        super().__init__()
        self.frame_samples, self.hop, self.centres = len(window), hop, centres
        bins = torch.arange(fft_length // 2 + 1, dtype=torch.float64)
        sample = torch.arange(len(window), dtype=torch.float64)
        angles = 2 * math.pi / fft_length * sample.unsqueeze(1) * bins
        waves = torch.cat([angles.cos(), angles.sin()], dim=1) * window.double().unsqueeze(1)
        self.register_buffer("spectrum", waves if prepare is None else prepare.T @ waves)
        self.register_buffer("filters", filters.float())

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveform float32 (B, S) to energies (B, T, M) of its whole frames."""
        frames = waveform.unfold(1, self.frame_samples, self.hop).double()
        if self.centres:
            frames = frames - frames.mean(dim=-1, keepdim=True)
        parts = (frames @ self.spectrum).float()
        cos, sin = parts.square().chunk(2, dim=-1)
        return (cos + sin) @ self.filters


def masked_moments(x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean, and the variance of a sample, over valid frames.

    Args:
        x: (B, T, M).
        valid: bool (B, T).

    Returns:
        Each float32 (B, 1, M); of one frame the variance is 0.
    """
    mask = valid.unsqueeze(-1)
    zero = x.new_zeros(()).double()
    count = mask.sum(dim=1, keepdim=True)
    mean = x.double().where(mask, zero).sum(dim=1, keepdim=True) / count.clamp(min=1)
    squares = (x.double() - mean).square().where(mask, zero).sum(dim=1, keepdim=True)
    return mean.float(), (squares / (count - 1).clamp(min=1)).float()


def preemphasis_matrix(samples: int, coefficient: float) -> Tensor:
    """Return the pre-emphasis of one frame as a matrix, float64 (samples, samples).

    The first sample, which has none before it, is lowered as if the frame had begun with it.
    """
    matrix = torch.eye(samples, dtype=torch.float64)
    matrix -= coefficient * torch.diag(torch.ones(samples - 1, dtype=torch.float64), -1)
    matrix[0, 0] -= coefficient
    return matrix


def preemphasize(waveform: Tensor, valid: Tensor, coefficient: float) -> Tensor:
    """Subtract a share of the sample before from each of waveform (B, S); 0 where not valid."""
    before = F.pad(waveform, (1, 0))[:, :-1]
    return (waveform - coefficient * before).where(valid, waveform.new_zeros(()))
