"""Greedy CTC decoding in numpy: for emissions that did not come decoded from one run of the graph.

The same path, times and scores as the graph's own decoder; long recordings are stitched from the
emissions of many runs, and some engines give nothing but an emission. Knows one recording and the
blank, no labels and no text.
"""

import numpy as np
from numpy.typing import NDArray

from voxport.transcript import Path


def decode(emission: NDArray[np.float32], blank: int) -> Path:
    """The greedy path of an emission [frames, labels]: repeats collapsed, blanks removed.

    A score is the mean posterior of the label over its run of frames. Of equal scores the label
    that comes first wins, as in the graph.
    """
    if len(emission) == 0:
        return Path([], [], [], [])
    labels = emission.argmax(axis=1)  # (F,)
    peaks = emission.max(axis=1, keepdims=True)
    posteriors = 1 / np.exp(emission - peaks).sum(axis=1)  # (F,)
    changes = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    starts = np.concatenate([[0], changes])
    ends = np.concatenate([changes, [len(labels)]])
    scores = np.add.reduceat(posteriors, starts) / (ends - starts)
    kept = labels[starts] != blank
    columns = (labels[starts], starts, ends, scores)
    return Path(*(column[kept].tolist() for column in columns))
