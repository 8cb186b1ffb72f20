"""An auxiliary loss of the encoder in training: words beside letters.

Its head does not ship. One layer before the last it answers with CTC over whole words, so the last
layer spells recognised words and not letters one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.models import Wav2Vec2Model

LAYER = -2  # the one whose output is asked


class Words(nn.Module):
    """CTC over the words of some transcripts, from the output of one layer of ``model``."""

    def __init__(self, model: Wav2Vec2Model, transcripts: Iterable[str]) -> None:
        super().__init__()
        words = sorted({word for transcript in transcripts for word in transcript.split()})
        self.index = {word: number for number, word in enumerate(words, 1)}  # 0 is the blank
        width = model.aux.in_features
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(words) + 1))
        self.heard: Tensor | None = None  # (rows, frames, width) of the last forward pass
        model.encoder.transformer.layers[LAYER].register_forward_hook(self.listen)

    def listen(self, _: nn.Module, __: tuple, output: tuple[Tensor, Tensor | None]) -> None:
        """Keep the layer's output."""
        self.heard = output[0]

    def loss(self, transcripts: list[str]) -> Tensor:
        """Return the CTC loss in nats, summed over the last rows; 0 if layer drop skipped it."""
        if self.heard is None:
            return torch.zeros(())
        scores = self.head(self.heard.float()).log_softmax(-1).transpose(0, 1)
        self.heard = None
        targets = [[self.index[word] for word in text.split()] for text in transcripts]
        return F.ctc_loss(
            scores,
            torch.tensor([word for target in targets for word in target], dtype=torch.long),
            torch.full((len(targets),), scores.shape[0]),
            torch.tensor([len(target) for target in targets]),
            reduction="sum",
            zero_infinity=True,
        )
