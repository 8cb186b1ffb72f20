"""Solve the trellis of one recording compiled; the only module that imports numba, on request.

For one short recording after the other: `trellis` calls numpy four times a frame, which takes
longer than the few labels of a short one do. The same recursion, the same sums in the same order,
so the same path. Keeps a byte for every state and frame, so long recordings go to `trellis`.
Compiling takes a second or two, once on a machine: the result is kept beside this file, or in
NUMBA_CACHE_DIR.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxport.errors import AlignmentError
from voxport.optional_import import import_optional

# log-probabilities (T, C), labels (L,), blank, the labels of the path to fill in (T,)
_Kernel: TypeAlias = Callable[[NDArray[Any], NDArray[np.int64], int, NDArray[np.int64]], bool]


def solve(
    log_probs: NDArray[Any],  # (T, C)
    labels: NDArray[np.int64],  # (L,), L <= T
    blank: int,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the label of every frame (T,), and its log-probability."""
    found = np.empty(len(log_probs), np.int64)
    if not _compiled()(np.ascontiguousarray(log_probs), labels, blank, found):
        raise AlignmentError("the emission gives the text no probability at all")
    return found, log_probs[np.arange(len(found)), found]


@cache
def _compiled() -> _Kernel:
    numba = import_optional(
        "numba", 'engine="numba" needs numba', 'pip install "voxport[align]", or engine="numpy"'
    )
    try:
        return numba.njit(cache=True, nogil=True)(_solve)
    except RuntimeError:  # no folder for the result may be written
        return numba.njit(nogil=True)(_solve)


def _solve(
    log_probs: NDArray[Any], labels: NDArray[np.int64], blank: int, found: NDArray[np.int64]
) -> bool:
    """Fill in ``found``; return False if no path has a probability.

    Frame t visits only labels on a path from the start that can still reach the end.
    """
    frames, count = len(log_probs), len(labels)
    on_label = np.full(count + 1, -np.inf, log_probs.dtype)  # of label k at k + 1: none is at 0
    resting = np.full(count + 1, -np.inf, log_probs.dtype)  # before label k; the last: after all
    resting[0] = 0
    moved = np.empty((frames, 2, count + 1), np.uint8)  # onto label k, onto the blank before it
    for t in range(frames):
        for k in range(min(t, count), max(0, count - frames + t) - 1, -1):
            rest = max(resting[k], on_label[k])
            moved[t, 1, k] = on_label[k] > resting[k]
            if k < count:
                moved[t, 0, k] = rest > on_label[k + 1]
                on_label[k + 1] = max(on_label[k + 1], rest) + log_probs[t, labels[k]]
            resting[k] = rest + log_probs[t, blank]
    if max(on_label[count], resting[count]) == -np.inf:
        return False
    k, rests = count, on_label[count] < resting[count]
    if not rests:
        k -= 1
    for t in range(frames - 1, -1, -1):
        found[t] = blank if rests else labels[k]
        if rests or moved[t, 0, k]:
            rests = not moved[t, 1, k]
            if not rests:
                k -= 1
    return True
