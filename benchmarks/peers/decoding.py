"""Batching and greedy decoding for peers without their own: all map waveforms to texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# WAV2VEC2_ASR_BASE_960H's; a copy, so peers without torchaudio need not import it
LABELS = "-|ETAONIHSRDLUMWCFGYPBVK'XJQZ"
BLANK = 0


def decode(emission: NDArray[np.float32]) -> list[str]:
    """Decode an emission (B, T, L) greedily."""
    return [_join_labels(path) for path in emission.argmax(axis=-1)]


def stack(waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return a batch of clips of one length as (B, S); peers get no other batches."""
    return np.stack(waveforms)


def _join_labels(path: NDArray[np.int64]) -> str:
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    return "".join(LABELS[i] for i in path[starts] if i != BLANK).replace("|", " ")
