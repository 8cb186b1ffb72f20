"""The whole graph: waveform and lengths to emission and greedy path, with their lengths."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchaudio.models import Wav2Vec2Model

from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.graph.backbone import HiddenStates
from voxport_export.graph.decoder import GreedyDecoder


class RecognizerOutputs(NamedTuple):
    """The graph's outputs in the contract's order; each format adds the transcript itself.

    N is the number of tokens of the row with the most.
    """

    emission: Tensor  # float32 (B, T, L), zero past the row's length
    emission_lengths: Tensor  # int64 (B,)
    tokens: Tensor  # int64 (B, N), padded with -1
    token_lengths: Tensor  # int64 (B,)
    token_starts: Tensor  # int64 (B, N)
    token_ends: Tensor  # int64 (B, N), exclusive
    token_scores: Tensor  # float32 (B, N)


class RecognizerGraph(nn.Module):
    """A model with its decoder, batch-exact.

    Args:
        model: its weights are shared where their layout allows, never changed.
        blank: index of the blank label.
        log_probs: True returns the emission log-softmaxed (MMS_FA), False as logits.

    Raises:
        ValueError: the model has no CTC head.
    """

    def __init__(self, model: AcousticModel, *, blank: int, log_probs: bool = False):
        super().__init__()
        if model.head is None:
            raise ValueError("the model has no CTC head (aux); only models fine-tuned for ASR fit")
        self.backbone = model.build_backbone()
        self.head = model.head
        self.decoder = GreedyDecoder(blank)
        self.log_probs = log_probs
        self.eval().requires_grad_(requires_grad=False)

    @classmethod
    def from_torchaudio(
        cls, model: Wav2Vec2Model, *, blank: int, normalize_eps: float | None = None
    ) -> RecognizerGraph:
        """Build the graph of torchaudio's model; its emission is logits.

        Args:
            model: the eager model.
            blank: index of the blank label.
            normalize_eps: normalise each waveform with this epsilon under the root of the
                variance; None leaves it as it is.
        """
        return cls(AcousticModel.from_torchaudio(model, normalize_eps), blank=blank)

    def forward(self, waveform: Tensor, lengths: Tensor) -> RecognizerOutputs:
        """Recognize waveform float32 (B, S) of lengths int64 (B,)."""
        return self.decode(self.backbone(waveform, lengths))

    def decode(self, hidden: HiddenStates) -> RecognizerOutputs:
        """Map hidden states to the emission and its greedy path."""
        emission = self.head(hidden.output)
        if self.log_probs:
            emission = torch.log_softmax(emission, dim=-1)
        emission = emission.where(hidden.valid.unsqueeze(-1), emission.new_zeros(()))
        path = self.decoder(emission, hidden.valid)
        return RecognizerOutputs(
            emission.index_select(1, hidden.frames), hidden.valid.sum(dim=1), *path
        )
