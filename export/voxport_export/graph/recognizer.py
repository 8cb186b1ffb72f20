"""The whole graph: waveform and lengths in; emission, greedy path and their lengths out."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2 import components

from voxport_export.graph.decoder import GreedyDecoder
from voxport_export.graph.encoder import Encoder
from voxport_export.graph.frontend import FeatureExtractor, NormalizeWaveform
from voxport_export.graph.ramp import ramp


class Outputs(NamedTuple):
    """What the graph returns, in the contract's order; the transcript is added by each format."""

    emission: Tensor  # float32 [batch, frames, labels], zero past the row's length
    emission_lengths: Tensor  # int64 [batch]
    tokens: Tensor  # int64 [batch, tokens], padded with -1
    token_lengths: Tensor  # int64 [batch]
    token_starts: Tensor  # int64 [batch, tokens]
    token_ends: Tensor  # int64 [batch, tokens], exclusive
    token_scores: Tensor  # float32 [batch, tokens]


class RecognizerGraph(nn.Module):
    """torchaudio's model with its decoder, batch-exact.

    Args:
        model: the eager model; its weights are shared where their layout allows, never changed.
        blank: index of the blank label.
        normalize_eps: normalise each waveform with this epsilon under the root of the variance;
            None leaves it as it is.
        log_probs: the emission is log-softmaxed (MMS_FA), not logits.
    """

    def __init__(
        self,
        model: Wav2Vec2Model,
        *,
        blank: int,
        normalize_eps: float | None = None,
        log_probs: bool = False,
    ):
        super().__init__()
        if model.aux is None:
            raise ValueError("the model has no CTC head (aux); only models fine-tuned for ASR fit")
        self.normalize = None if normalize_eps is None else NormalizeWaveform(normalize_eps)
        self.extractor = FeatureExtractor(
            cast("nn.ModuleList", model.feature_extractor.conv_layers)
        )
        self.encoder = Encoder(cast("components.Encoder", model.encoder))
        self.head = model.aux
        self.decoder = GreedyDecoder(blank)
        self.log_probs = log_probs
        self.frame_stride, self.receptive_field = geometry(self.extractor.geometry)
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> Outputs:
        """Recognise waveform float32 [batch, samples] of lengths int64 [batch].

        Samples at or past a row's length are ignored, whatever they hold. One receptive field of
        silence is appended so that every layer has at least one frame, however short the input;
        no valid frame reaches into it, and its frames are cut off again.
        """
        frames = ramp(self.extractor.frames_of(ramp(waveform)))
        padded = F.pad(waveform, (0, self.receptive_field))
        valid = F.pad(ramp(waveform) < lengths.unsqueeze(1), (0, self.receptive_field))
        padded = padded.where(valid, padded.new_zeros(()))
        if self.normalize is not None:
            padded = self.normalize(padded, valid)

        features, valid = self.extractor(padded, valid)
        emission = self.head(self.encoder(features, valid))
        if self.log_probs:
            emission = torch.log_softmax(emission, dim=-1)
        emission = emission.where(valid.unsqueeze(-1), emission.new_zeros(()))
        path = self.decoder(emission, valid)
        return Outputs(emission.index_select(1, frames), valid.sum(dim=1), *path)


def geometry(layers: list[tuple[int, int]]) -> tuple[int, int]:
    """Return (frame stride, receptive field) in samples of stacked (kernel, stride) layers."""
    stride, field = 1, 1
    for kernel, step in layers:
        field += (kernel - 1) * stride
        stride *= step
    return stride, field
