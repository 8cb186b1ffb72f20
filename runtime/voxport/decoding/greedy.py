"""Greedy CTC decoding in numpy, for emissions not decoded by the graph.

Path, times and scores equal the graph's own decoder's. Long recordings are stitched from the
emissions of many runs, and some engines give nothing but an emission. Knows one recording and the
blank, no labels and no text.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from voxport.transcript.transcript import TokenPath


def decode(emission: NDArray[np.float32], blank: int) -> TokenPath:
    """Return the greedy path of an emission (F, C): repeats collapsed, blanks removed.

    A score is the mean posterior of the label over its run of frames. Of equal scores the first
    label wins, as in the graph.
    """
    if len(emission) == 0:
        return TokenPath([], [], [], [])
    labels = emission.argmax(axis=1)  # (F,)
    peaks = emission.max(axis=1, keepdims=True)
    posteriors = 1 / np.exp(emission - peaks).sum(axis=1)  # (F,)
    changes = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    starts = np.concatenate([[0], changes])
    ends = np.concatenate([changes, [len(labels)]])
    scores = np.add.reduceat(posteriors, starts) / (ends - starts)
    kept = labels[starts] != blank
    columns = (labels[starts], starts, ends, scores)
    return TokenPath(*(column[kept].tolist() for column in columns))


def decode_parts(parts: Iterable[NDArray[np.float32]], blank: int) -> TokenPath:
    """Decode an emission from parts (F, C), one in memory at a time."""
    decoder = PartDecoder(blank)
    for part in parts:
        decoder.push(part)
    return decoder.path


class PartDecoder:
    """Decoder of an emission that comes in parts.

    Attributes:
        path: of the parts so far. All its tokens but the last are final.
    """

    def __init__(self, blank: int) -> None:
        self.path = TokenPath([], [], [], [])
        self._blank = blank
        self._frames = 0  # so far

    def push(self, part: NDArray[np.float32]) -> None:
        """Add a part (F, C)."""
        path = decode(part, self._blank)
        path = TokenPath(
            path.tokens,
            [self._frames + start for start in path.starts],
            [self._frames + end for end in path.ends],
            path.scores,
        )
        _append(self.path, path)
        self._frames += len(part)


def _append(path: TokenPath, more: TokenPath) -> None:
    """Append ``more`` to ``path``; a run across the seam is one."""
    is_one = path.tokens[-1:] == more.tokens[:1] and path.ends[-1:] == more.starts[:1]
    if path.tokens and is_one:
        start, middle, end = path.starts.pop(), path.ends.pop(), more.ends[0]
        total = path.scores.pop() * (middle - start) + more.scores[0] * (end - middle)
        path.tokens.pop()
        more.starts[0], more.scores[0] = start, total / (end - start)
    path.tokens.extend(more.tokens)
    path.starts.extend(more.starts)
    path.ends.extend(more.ends)
    path.scores.extend(more.scores)
