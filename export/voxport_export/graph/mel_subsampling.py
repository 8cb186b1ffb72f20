"""Parakeet's front end: NeMo's log-mel features, normalised, shortened by strided convolutions.

Equal to transformers' ``ParakeetFeatureExtractor`` and its encoder's ``subsampling`` on each row
alone. Frames are centred on their samples, with zeros before the first and behind the last.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxport_export.graph.filter_bank import MelEnergies, masked_moments, preemphasize
from voxport_export.graph.filter_bank_backbone import FrontEndOutput
from voxport_export.graph.tracing import arange_like

_NORMALIZE_EPS = 1e-5  # added to the deviation by the extractor
_LEAST_ENERGY = 2.0**-24  # added to the energies by the extractor


class MelSubsampling(nn.Module):
    """Waveform to shortened log-mel frames.

    Args:
        energies: of a waveform.
        preemphasis: its coefficient; None: none.
        stages: the convolutions of each stage; the first of them has stride 2, and a ReLU follows
            the last.
        projection: from channels and mel bins to the encoder's width.
        scale: of the projected features.
    """

    def __init__(
        self,
        energies: MelEnergies,
        preemphasis: float | None,
        stages: Sequence[Sequence[nn.Conv2d]],
        projection: nn.Linear,
        scale: float,
    ):
        super().__init__()
        self.energies, self.preemphasis, self.scale = energies, preemphasis, scale
        self.stages = nn.ModuleList(nn.ModuleList(stage) for stage in stages)
        self.projection = projection
        self.frame_stride = energies.hop * 2 ** len(stages)
        # Of a single mel frame the extractor's variance is not a number.
        self.receptive_field = 2 * energies.hop

    def forward(self, waveform: Tensor, lengths: Tensor) -> FrontEndOutput:
        """Map waveform float32 (B, S), zero past each row's end, of lengths int64 (B,)."""
        hop, half = self.energies.hop, self.energies.frame_samples // 2
        if self.preemphasis is not None:
            inside = arange_like(waveform) < lengths.unsqueeze(1)
            waveform = preemphasize(waveform, inside, self.preemphasis)
        energies = self.energies(F.pad(waveform, (half, half - hop)))  # (B, S // hop, M)
        log_mel = torch.log(energies + _LEAST_ENERGY)
        count = lengths // hop * (lengths >= self.receptive_field).long()
        valid = arange_like(log_mel[..., 0]) < count.unsqueeze(1)
        mean, variance = masked_moments(log_mel, valid)
        x = (log_mel - mean) / (torch.sqrt(variance) + _NORMALIZE_EPS)
        x = x.where(valid.unsqueeze(-1), x.new_zeros(())).unsqueeze(1)  # (B, 1, T, M)
        for stage in self.stages:
            count = (count + 1) // 2
            for conv in stage:  # pyright: ignore
                x = conv(x)
                valid = arange_like(x[:, 0, :, 0]) < count.unsqueeze(1)
                x = x.where(valid[:, None, :, None], x.new_zeros(()))
            x = F.relu(x)
        features = self.projection(x.transpose(1, 2).flatten(2)) * self.scale
        return FrontEndOutput(features, valid, valid)

    def stride_frames(self, samples: Tensor) -> Tensor:
        """Map int64 (S,) to as many numbers as S samples have frames: 0, 1 …"""
        frames = samples[self.energies.hop - 1 :: self.energies.hop]
        for _ in self.stages:
            frames = frames[::2]
        return arange_like(frames)
