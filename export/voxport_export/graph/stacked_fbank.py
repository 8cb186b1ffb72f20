"""Wav2Vec2-BERT's front end: Kaldi's filter bank, normalised, two frames side by side.

Equal to transformers' ``SeamlessM4TFeatureExtractor`` on each row alone. An odd last frame of the
filter bank is completed by padding there, and masked from attention, but has an answer: so it is
here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.filter_bank import MelEnergies, masked_moments
from voxport_export.graph.filter_bank_backbone import FrontEndOutput
from voxport_export.graph.tracing import arange_like

_NORMALIZE_EPS = 1e-7  # of the extractor's normalisation
_LEAST_ENERGY = 1.192092955078125e-07  # the extractor's floor under the logarithm


class StackedFbank(nn.Module):
    """Waveform to stacked log-mel frames.

    Args:
        energies: of a waveform in the range of 16-bit integers.
        stack: frames of the filter bank in one of the model.
        scale: of the waveform.
    """

    def __init__(self, energies: MelEnergies, stack: int, scale: float):
        super().__init__()
        self.energies, self.stack, self.scale = energies, stack, scale
        self.frame_stride = energies.hop * stack
        # Of a single frame of the filter bank the extractor's variance is not a number.
        self.receptive_field = energies.frame_samples + energies.hop * (stack - 1)

    def forward(self, waveform: Tensor, lengths: Tensor) -> FrontEndOutput:
        """Map waveform float32 (B, S), zero past each row's end, of lengths int64 (B,)."""
        log_mel = self.energies(waveform * self.scale).clamp(min=_LEAST_ENERGY).log()  # (B, F, M)
        hop, samples = self.energies.hop, self.energies.frame_samples
        banks = (lengths + (hop - samples)).clamp(min=0) // hop
        valid = arange_like(log_mel[..., 0]) < banks.unsqueeze(1)
        mean, variance = masked_moments(log_mel, valid)
        x = (log_mel - mean) / torch.sqrt(variance + _NORMALIZE_EPS)
        x = F.pad(x, (0, 0, 0, self.stack - 1))
        last = self.stack - 1
        features = torch.cat(
            [x[:, i : i - last or None : self.stack] for i in range(self.stack)], dim=-1
        )
        frame = arange_like(features[..., 0])
        has_any = (lengths >= self.receptive_field).long()
        attended = frame < (banks // self.stack * has_any).unsqueeze(1)
        answered = (banks + last) // self.stack * has_any
        return FrontEndOutput(features, attended, frame < answered.unsqueeze(1))

    def stride_frames(self, samples: Tensor) -> Tensor:
        """Map int64 (S,) to as many numbers as S samples have frames: 0, 1 …"""
        banks = samples[self.energies.frame_samples - 1 :: self.energies.hop]
        return arange_like(banks[:: self.stack])
