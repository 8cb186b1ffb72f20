"""Greedy CTC decoding in tensors: argmax, collapse repeats, drop blanks, with times and scores.

Equal to the ``GreedyCTCDecoder`` of torchaudio's tutorial on each row's valid frames. Joining
labels into a string is left to the formats: neither tracer knows strings.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from voxport_export.graph.tracing import arange_like

PAD = -1  # fills tokens, starts and ends past a row's tokens


class TokenPath(NamedTuple):
    """The greedy path of each row, N tokens at the most; frames are the emission's."""

    tokens: Tensor  # int64 (B, N), padded with -1
    token_lengths: Tensor  # int64 (B,)
    token_starts: Tensor  # int64 (B, N), first frame of the run, padded with -1
    token_ends: Tensor  # int64 (B, N), one past its last frame, padded with -1
    token_scores: Tensor  # float32 (B, N), mean posterior over the run, padded with 0


class GreedyDecoder(nn.Module):
    """Collapse an emission to tokens.

    A scatter sends every frame to the slot of its token; frames of no token go to a spare slot
    behind the last, cut off afterwards.

    Args:
        blank: index of the blank label.
    """

    def __init__(self, blank: int):
        super().__init__()
        self.blank = blank

    def forward(self, emission: Tensor, valid: Tensor) -> TokenPath:
        """Decode a batch.

        Args:
            emission: float32 (B, T, L), T at least 1.
            valid: bool (B, T).
        """
        peak, label = emission.max(dim=-1)
        posterior = 1.0 / torch.exp(emission - peak.unsqueeze(-1)).sum(dim=-1)
        frame = arange_like(label)
        before = torch.cat([label[:, :1], label[:, :-1]], dim=1)
        voiced = valid & (label != self.blank)
        starts = voiced & ((label != before) | (frame == 0))
        rank = starts.cumsum(dim=1)
        spare = torch.ones_like(frame).sum()  # T as a tensor
        slot = (rank - 1).where(voiced, spare)
        start_slot = (rank - 1).where(starts, spare)

        empty = torch.cat([label, label[:, :1]], dim=1) * 0  # (B, T + 1)
        run = empty.scatter_add(1, slot, torch.ones_like(label))
        total = empty.to(posterior.dtype).scatter_add(1, slot, posterior)
        first = (empty + PAD).scatter(1, start_slot, frame.expand_as(label))
        tokens = (empty + PAD).scatter(1, start_slot, label)

        token_lengths = starts.sum(dim=1)
        used = _used_slots(token_lengths, label)
        run, total, first, tokens = (t.index_select(1, used) for t in (run, total, first, tokens))
        kept = used < token_lengths.unsqueeze(1)
        pad = torch.full_like(tokens, PAD)
        return TokenPath(
            tokens=tokens.where(kept, pad),
            token_lengths=token_lengths,
            token_starts=first.where(kept, pad),
            token_ends=(first + run).where(kept, pad),
            token_scores=total / run.clamp(min=1),
        )


def _used_slots(token_lengths: Tensor, label: Tensor) -> Tensor:
    """Return the slots used by any row, ``0 … max(token_lengths) - 1``, for label (B, T)."""
    slot = arange_like(label)
    return (slot < token_lengths.max()).nonzero().squeeze(1)
