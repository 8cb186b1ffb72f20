"""The whole graph: waveform and lengths in; emission, greedy path and their lengths out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchaudio.models import Wav2Vec2Model

from voxport_export.graph.backbone import Backbone, Hidden
from voxport_export.graph.decoder import GreedyDecoder


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
        self.backbone = Backbone(model, normalize_eps)
        self.head = model.aux
        self.decoder = GreedyDecoder(blank)
        self.log_probs = log_probs
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> Outputs:
        """Recognise waveform float32 [batch, samples] of lengths int64 [batch]."""
        return self.decode(self.backbone(waveform, lengths))

    def decode(self, hidden: Hidden) -> Outputs:
        """Map hidden states to the emission and its greedy path."""
        emission = self.head(hidden.output)
        if self.log_probs:
            emission = torch.log_softmax(emission, dim=-1)
        emission = emission.where(hidden.valid.unsqueeze(-1), emission.new_zeros(()))
        path = self.decoder(emission, hidden.valid)
        return Outputs(emission.index_select(1, hidden.frames), hidden.valid.sum(dim=1), *path)
