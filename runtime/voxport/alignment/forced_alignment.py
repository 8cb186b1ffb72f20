"""Forced alignment in numpy: the most likely CTC path of a known sequence of labels.

Path and scores equal ``torchaudio.functional.forced_align``'s: the same sums in the same order and
in the emission's own precision, and the same choice among equal paths. (Except that of two equally
good ways to enter a label torchaudio 2.11 takes neither, and can end on a worse path.) Unlike it,
this takes many recordings at once, and its memory stays bounded for hours of audio. Knows
log-probabilities and label indices; neither audio, nor text, nor seconds. The recursion is in
`trellis`, and in `trellis_numba` if numba is installed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from voxport.alignment import trellis_numba
from voxport.alignment.trellis import Trellis
from voxport.errors import AlignmentError, InputError

# Limits of a group that is aligned at once. More rows share the cost of a call of numpy; more
# states would not stay in the processor's cache, and rows that differ in length are padded.
_GROUP_ROWS, _GROUP_STATES, _GROUP_CELLS = 127, 1 << 13, 1 << 25  # cells: states by frames

Engine: TypeAlias = Literal["numpy", "numba"]


@dataclass(frozen=True)
class Span:
    """A label of the text and its frames."""

    token: int
    start: int  # frame
    end: int  # frame, exclusive
    score: float  # mean posterior, 0 to 1


@dataclass(frozen=True)
class Alignment:
    """The best path through one emission of T frames."""

    path: NDArray[np.int64]  # (T,) the label of every frame, blanks included
    scores: NDArray[Any]  # (T,) log-probabilities of these labels
    blank: int

    def spans(self) -> list[Span]:
        """Return the path's runs without its blanks: one for each label of the text, in order."""
        starts = np.flatnonzero(np.diff(self.path, prepend=-1))
        ends = np.append(starts[1:], len(self.path))
        means = np.add.reduceat(np.exp(self.scores), starts) / (ends - starts)
        tokens = self.path[starts]
        kept = tokens != self.blank
        columns = (column[kept].tolist() for column in (tokens, starts, ends, means))
        return [Span(*values) for values in zip(*columns, strict=True)]


def log_softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return log-probabilities (T, C) of logits (T, C)."""
    centred = logits - logits.max(axis=-1, keepdims=True)
    return centred - np.log(np.exp(centred).sum(axis=-1, keepdims=True))


def append_star(log_probs: NDArray[Any]) -> NDArray[Any]:
    """Append a label for anything, at no cost: log-probabilities (T, C) become (T, C + 1)."""
    return np.pad(log_probs, ((0, 0), (0, 1)))


def forced_align(
    log_probs: Sequence[NDArray[Any]],
    targets: Sequence[Sequence[int]],
    blank: int = 0,
    engine: Engine = "numpy",
    names: Sequence[str] | None = None,
) -> list[Alignment]:
    """Align emissions with known labels: the most likely CTC path of each.

    The path equals ``torchaudio.functional.forced_align``'s; many recordings are aligned at once.

    Args:
        log_probs: an array (T, C) for each recording: log-probabilities of T frames and C labels,
            of float16, float32 or float64. T may differ, C may not.
        targets: the labels of each recording (L,), without blanks; at most as many as it has
            frames, with one frame more between two equal ones.
        blank: the index of CTC's blank.
        engine: "numba" compiles the recursion, for recordings that come one by one; the answer is
            the same. It needs ``voxport[align]``.
        names: of the recordings, for messages; ``targets[0]`` and so on by default.

    Returns:
        An alignment for each recording: its path (T,), the log-probabilities on it (T,), and the
        frames of each label by ``spans()``.

    Raises:
        AlignmentError: a text is longer than its audio allows, or empty, or impossible.
        InputError: emissions or labels make no sense.
        MissingDependencyError: numba is not installed.

    Examples:
        >>> import numpy as np
        >>> from voxport.alignment import forced_align
        >>> probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
        >>> [alignment] = forced_align([np.log(probabilities)], [[1, 2]])
        >>> alignment.path.tolist()
        [0, 1, 2]
        >>> [(span.token, span.start, span.end) for span in alignment.spans()]
        [(1, 1, 2), (2, 2, 3)]
    """
    if engine not in get_args(Engine):
        raise InputError(f"expected the engine numpy or numba, got {engine!r}")
    if len(log_probs) != len(targets):
        raise InputError(f"got {len(log_probs)} emissions and {len(targets)} sequences of labels")
    if not targets:
        return []
    emissions = _checked(log_probs)
    spelled = _spelled(targets, blank, emissions[0].shape[1])
    called = names or [f"targets[{i}]" if len(targets) > 1 else None for i in range(len(targets))]
    for index, (emission, labels) in enumerate(zip(emissions, spelled, strict=True)):
        if len(labels) > len(emission):
            raise AlignmentError(
                f"the text is too long for the audio: its {len(targets[index])} labels need at "
                f"least {len(labels)} frames (a blank between two that are alike is one), and "
                f"there are {len(emission)}",
                called[index],
            )
    found: dict[int, Alignment] = {}
    sizes = [(len(e), 2 * len(s) + 1) for e, s in zip(emissions, spelled, strict=True)]
    rows = range(len(sizes))
    if engine == "numba":
        short = [i for i in rows if sizes[i][0] * sizes[i][1] <= _GROUP_CELLS]
        paths = (trellis_numba.solve(emissions[i], spelled[i], blank) for i in short)
        found = {i: Alignment(*path, blank) for i, path in zip(short, paths, strict=True)}
    for group in _groups(sizes, [i for i in rows if i not in found]):
        trellis = Trellis([emissions[i] for i in group], [spelled[i] for i in group], blank)
        found |= {i: Alignment(*row, blank) for i, row in zip(group, trellis.paths(), strict=True)}
    return [found[i] for i in rows]


def frames_needed(target: Sequence[int]) -> int:
    """Return the fewest frames for ``target``: one a label, and a blank between two alike."""
    return len(target) + sum(one == other for one, other in pairwise(target))


def _checked(log_probs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Check the emissions and return them in single precision at the least."""
    for item in log_probs:
        if item.ndim != 2 or item.dtype.kind != "f" or item.shape[1] != log_probs[0].shape[1]:
            raise InputError(
                "expected log-probabilities as float arrays of [frames, labels], as many labels "
                f"in each, got {item.dtype} {list(item.shape)}"
            )
        if np.isnan(item).any():
            raise InputError("the emission holds values that are not numbers (NaN)")
    precision = np.result_type(np.float32, *(item.dtype for item in log_probs))
    return [item.astype(precision, copy=False) for item in log_probs]


def _spelled(targets: Sequence[Sequence[int]], blank: int, classes: int) -> list[NDArray[np.int64]]:
    """Return the labels of each text with a blank between two equal ones.

    No path can leave it out, so as a label of its own it needs no rule.
    """
    counts = np.array([len(target) for target in targets])
    if not counts.all():
        raise AlignmentError("there are no labels to align")
    labels = np.concatenate(targets, dtype=np.int64)
    if labels.min() < 0 or labels.max() >= classes or (labels == blank).any():
        raise InputError(f"labels must be 0 to {classes - 1} and not the blank, {blank}")
    ends = counts.cumsum()
    again = np.zeros(len(labels), np.bool_)
    np.equal(labels[1:], labels[:-1], again[1:])
    again[ends[:-1]] = False
    places = np.arange(len(labels)) + again.cumsum()
    spelled = np.full(places[-1] + 1, blank)
    spelled[places] = labels
    starts = [0, *places[ends[:-1]].tolist(), len(spelled)]
    return [spelled[start:end] for start, end in pairwise(starts)]


def _groups(sizes: Sequence[tuple[int, int]], rows: Sequence[int]) -> Iterator[list[int]]:
    """Group rows of like size, as many as the limits allow; sizes are (frames, states)."""
    group: list[int] = []
    widest = 0
    for index in sorted(rows, key=sizes.__getitem__):
        frames, states = sizes[index]
        total = max(widest, states) * (len(group) + 1)
        if group and _is_full(len(group), total, frames):
            yield group
            group, widest = [], 0
        group.append(index)
        widest = max(widest, states)
    if group:
        yield group


def _is_full(rows: int, states: int, frames: int) -> bool:
    """Return whether a group of ``rows`` has no room for one more, with which it has ``states``."""
    return rows == _GROUP_ROWS or states > _GROUP_STATES or states * frames > _GROUP_CELLS
