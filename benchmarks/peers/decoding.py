"""What every peer does behind its model, so that all of them go from waveforms to texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# WAV2VEC2_ASR_BASE_960H's, written down so that peers without torchaudio need not import it.
LABELS = "-|ETAONIHSRDLUMWCFGYPBVK'XJQZ"
BLANK = 0


def texts(emission: NDArray[np.float32]) -> list[str]:
    """Greedy CTC of an emission [batch, frames, labels]."""
    return [_text(path) for path in emission.argmax(axis=-1)]


def stacked(waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A batch of clips as [batch, samples]; the peers are given clips of one length only."""
    return np.stack(waveforms)


def _text(path: NDArray[np.int64]) -> str:
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    return "".join(LABELS[i] for i in path[starts] if i != BLANK).replace("|", " ")
