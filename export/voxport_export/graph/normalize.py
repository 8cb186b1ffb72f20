"""Statistics over a row's valid samples alone, and the normalisation of a waveform by them.

This makes a row independent of padding and neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over the valid part of axis 1, kept as size 1; 0 if nothing is valid.

    ``x`` must be zero wherever ``valid`` (broadcastable, same rank) is false.
    """
    return x.sum(dim=1, keepdim=True) / valid.sum(dim=1, keepdim=True).clamp(min=1)


def subtract_mean(waveform: Tensor, valid: Tensor) -> Tensor:
    """Subtract the mean of a row's valid samples; invalid samples stay 0.

    The sum is float64: over a minute of audio with an offset, a plain float32 sum is off by more
    than the quiet parts are loud. OpenVINO has no float64 and takes float32 instead, so the caller
    does this once before all else: the rest of the offset is then small, and so is the error of the
    later sums.

    Args:
        waveform: float32 (B, S), zero where it is not valid.
        valid: bool (B, S).

    Returns:
        float32 (B, S). The mean is rounded before it is subtracted, as in eager torchaudio.
    """
    mean = masked_mean(waveform.double(), valid).float()
    return (waveform - mean).where(valid, waveform.new_zeros(()))


class NormalizeWaveform(nn.Module):
    """Zero mean and unit variance over a row's valid samples.

    Args:
        eps: added to the variance under the root.
    """

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, waveform: Tensor, valid: Tensor) -> Tensor:
        """Normalise a batch.

        Args:
            waveform: float32 (B, S), zero past each row's end.
            valid: bool (B, S).

        Returns:
            float32 (B, S), zero past each row's end.
        """
        # The second pass removes the offset that float32 sums leave.
        centred = subtract_mean(subtract_mean(waveform, valid), valid)
        variance = masked_mean(centred.double().square(), valid)
        return centred * torch.rsqrt(variance + self.eps).float()
