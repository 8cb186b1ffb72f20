"""Solve the trellis of forced alignment: all paths that spell given labels over given frames.

Between any two labels, before the first and after the last, the path may rest on the blank. With
l[k] the best sum of log-probabilities of a path that is on label k now, and b[k] of one that rests
before label k (b[L]: after the last), one frame further

    b[k] = max(b[k], l[k - 1]) + log-probability of the blank
    l[k] = max(l[k], b[k], l[k - 1]) + log-probability of label k

where of equal sums staying is preferred to moving, and b[k] to l[k - 1]. That is four calls of
numpy a frame on flat arrays of all labels and all recordings, the recordings innermost.

Memory. One bit is kept for a state and a frame: the path moved or stayed. While these are few, one
pass keeps them all, a byte each. A longer problem is cut into chunks of K frames: the
first pass keeps only the sums at the start of each, and the path is traced from the end, chunk by
chunk, each run again for those labels alone that the path can still touch: it moves by at most one
label a frame, so these are K. With T frames, L labels and sums of 4 bytes this keeps
8 T L / K + 2 K**2 bytes; K = (2 T L)**(1/3) makes that least, 41 MB for an hour of speech
(T = 180 000, L = 50 000). The path is the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.errors import AlignmentError

_ONE_PASS_CELLS = 1 << 25  # states by frames whose moves are kept in one pass, a byte each
_GATHER_CELLS = 1 << 16  # log-probabilities that are gathered at a time, so that they stay in cache
_MIN_CHUNK_FRAMES, _MAX_CHUNK_FRAMES = 16, 256  # that these are for


@dataclass(frozen=True)
class _Front:
    """The sums after some frame; flat, the n recordings innermost."""

    labels: NDArray[Any]  # (L * n,)
    blanks: NDArray[Any]  # (L * n + n,)


@dataclass(frozen=True)
class _Moves:
    """Moves of the best paths onto states, for some frames and labels."""

    start: int  # the first frame
    first: int  # the first label
    moved: NDArray[np.bool_]  # (frames, states * n), the labels' states before the blanks'


class Trellis:
    """The trellis of n recordings, solved by ``paths``."""

    def __init__(
        self,
        log_probs: Sequence[NDArray[Any]],  # (T, C) each
        targets: Sequence[NDArray[np.int64]],  # (L,) each; a blank among them is a label too
        blank: int,
    ) -> None:
        n, classes = len(targets), log_probs[0].shape[1]
        self._frames = [len(item) for item in log_probs]
        self._length = max(self._frames)  # T
        self._counts = np.array([len(target) for target in targets])
        self._labels = int(self._counts.max())  # L
        self._rows = np.arange(n)
        self._origins = self._rows * classes  # the first column of each recording
        self._log_probs = _stacked(log_probs, blank)  # (T, n * C)
        spelled = np.full((self._labels, n), blank)
        for row, target in enumerate(targets):
            spelled[: len(target), row] = target
        self._columns = (spelled + self._origins).ravel()  # (L * n,)
        self._blanks = np.tile(blank + self._origins, self._labels + 1)  # (L * n + n,)

    def paths(self) -> list[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Return the label of every frame of each recording, and its log-probability."""
        states = self._states()  # (T, n)
        place = states // 2 * len(self._rows) + self._rows
        column = np.where(
            states % 2, self._columns.take(place, mode="clip"), self._blanks[self._rows]
        )
        first = np.arange(self._length)[:, None] * self._log_probs.shape[1]
        scores = np.ravel(self._log_probs).take(first + column)
        labels = column - self._origins
        return [
            (np.array(labels[-count:, row]), np.array(scores[-count:, row]))
            for row, count in enumerate(self._frames)
        ]

    def _states(self) -> NDArray[np.int64]:
        """Return the best path (T, n): state 2 k rests before label k, 2 k + 1 is on it."""
        states = np.empty((self._length + 1, len(self._rows)), np.int64)
        front, chunk = self._start(), self._chunk()
        last = (self._length - 1) // chunk * chunk  # where the last chunk starts
        fronts: list[_Front] = []
        for start in range(0, last, chunk):
            fronts.append(_Front(np.array(front.labels), np.array(front.blanks)))
            for _ in self._advance(front, start, start + chunk, keep=False):
                pass
        moves = list(self._advance(front, last, self._length, keep=True))
        states[-1] = self._final(front)
        _trace(moves, states)
        for start in range(last - chunk, -1, -chunk):
            top = int(states[start + chunk, 0]) // 2 + 1
            within = range(max(0, top - 1 - chunk), min(top, self._labels))
            _trace(list(self._advance(fronts.pop(), start, start + chunk, True, within)), states)
        return states[1:]

    def _start(self) -> _Front:
        """Return the sums before the first frame: resting before the first label is free."""
        labels = np.full(len(self._columns), -np.inf, self._log_probs.dtype)
        blanks = np.full(len(self._blanks), -np.inf, self._log_probs.dtype)
        blanks[: len(self._rows)] = 0
        return _Front(labels, blanks)

    def _chunk(self) -> int:
        """Return the frames of a chunk."""
        cells = self._length * self._labels
        if len(self._rows) > 1 or 2 * cells <= _ONE_PASS_CELLS:
            return self._length
        return max(_MAX_CHUNK_FRAMES, round((2 * cells) ** (1 / 3)))

    def _final(self, front: _Front) -> NDArray[np.int64]:
        """Return each recording's last state; of equal ones, the last label's."""
        after = self._counts * len(self._rows) + self._rows
        on_label, resting = front.labels[after - len(self._rows)], front.blanks[after]
        if np.isneginf(np.maximum(on_label, resting)).any():
            raise AlignmentError("the emission gives the text no probability at all")
        return 2 * self._counts - (on_label >= resting)

    def _advance(
        self, front: _Front, start: int, stop: int, keep: bool, within: range | None = None
    ) -> Iterator[_Moves]:
        """Move ``front`` from frame ``start`` to ``stop``, and yield its moves block by block."""
        within = within or range(self._labels)
        least = int(self._counts.min())
        frames = _GATHER_CELLS // (2 * len(within) * len(self._rows))
        block = min(max(frames, _MIN_CHUNK_FRAMES), _MAX_CHUNK_FRAMES)
        for begin in range(start, stop, block):
            end = min(begin + block, stop)
            # Labels that no path from the start has reached by then are not looked at, nor those
            # that every path to the end has left.
            first = max(within.start, least - 1 - (self._length - begin))
            labels = slice(first, max(first, min(within.stop, end)))
            yield _Moves(begin, first, self._block(front, begin, end, labels, keep))

    def _block(
        self, front: _Front, start: int, stop: int, labels: slice, keep: bool
    ) -> NDArray[np.bool_]:
        """Run frames ``start`` to ``stop`` of the recursion, for some of the labels."""
        n = len(self._rows)
        chosen, size = slice(labels.start * n, labels.stop * n), (labels.stop - labels.start) * n
        rests = slice(chosen.start, chosen.stop + n)
        padding = np.full(n, -np.inf, front.labels.dtype)
        padded = np.concatenate([padding, front.labels[chosen], front.blanks[rests]])
        columns = np.concatenate([self._columns[chosen], self._blanks[: size + n]])
        log_probs = self._log_probs[start:stop].take(columns, axis=1)  # (frames, states * n)
        moved = np.empty(log_probs.shape if keep else (0, 0), np.bool_)
        _run(padded, size, log_probs, moved if keep else None)
        front.labels[chosen] = padded[n : n + size]
        front.blanks[rests] = padded[n + size :]
        return moved


def _run(
    padded: NDArray[Any],  # n times -inf, the sums of ``size`` labels, and of n blanks more
    size: int,
    log_probs: NDArray[Any],  # (frames, states * n)
    moved: NDArray[np.bool_] | None,  # the same, to be filled in
) -> None:
    """Run the recursion in place: most of an alignment's time is spent here."""
    n = len(padded) // 2 - size
    sums, before = padded[n:], padded[: size + n]
    on_label, resting = sums[:size], sums[size:]
    best = np.empty_like(sums)
    best_on_label, best_resting, best_before = best[:size], best[size:], best[size : 2 * size]
    # np.fmax is np.maximum where nothing is NaN, and here the quicker of the two.
    largest, is_greater, add = np.fmax, np.greater, np.add
    if moved is None:
        for now in log_probs:
            largest(resting, before, best_resting)
            largest(on_label, best_before, best_on_label)
            add(best, now, sums)
        return
    for now, moves in zip(log_probs, moved, strict=True):
        largest(resting, before, best_resting)
        largest(on_label, best_before, best_on_label)
        is_greater(best, sums, moves)
        add(best, now, sums)


def _stacked(log_probs: Sequence[NDArray[Any]], blank: int) -> NDArray[Any]:
    """Put recordings side by side, (T, n * C), with a common end.

    Ahead of a shorter one only the blank is possible, and free: the path waits at its start.
    """
    if len(log_probs) == 1:
        return log_probs[0]
    length, classes = max(map(len, log_probs)), log_probs[0].shape[1]
    result = np.full((length, len(log_probs), classes), -np.inf, log_probs[0].dtype)
    result[:, :, blank] = 0
    for row, item in enumerate(log_probs):
        result[length - len(item) :, row] = item
    return np.reshape(result, (length, -1))


def _trace(moves: Sequence[_Moves], states: NDArray[np.int64]) -> None:
    """Fill in ``states`` (T + 1, n) backwards; the one after these frames is there."""
    for block in reversed(moves):
        own = states[block.start : block.start + len(block.moved) + 1]
        if states.shape[1] == 1:
            own[:-1, 0] = _trace_one(block, int(own[-1, 0]))
        else:
            _trace_many(block, own)


def _trace_one(block: _Moves, state: int) -> list[int]:
    """Trace one recording, in plain Python: numpy would need longer for a frame."""
    frames, width = len(block.moved), len(block.moved[0])
    moved = block.moved.tobytes()
    size = width // 2  # the blanks' states start here
    before = [0] * frames
    offset = frames * width - block.first
    for frame in range(frames - 1, -1, -1):
        offset -= width
        label = offset + (state >> 1)
        if not state & 1:
            state -= moved[label + size]
        elif moved[label]:
            state -= 1 + moved[label + size]
        before[frame] = state
    return before


def _trace_many(block: _Moves, states: NDArray[np.int64]) -> None:
    """Trace many recordings at once; at most 127, so twice their number is a byte."""
    n = len(states[0])
    moved = np.reshape(block.moved.astype(np.uint8), (len(block.moved), -1, n))
    size = moved.shape[1] // 2
    steps = np.empty_like(moved)  # how far the path moves, in places of a flat array
    np.multiply(moved[:, size:], n, steps[:, ::2])
    np.multiply(moved[:, :size], n + n * moved[:, size:-1], steps[:, 1::2])
    origin = np.subtract(np.arange(n), 2 * block.first * n)  # of each recording's places
    states[-1] = states[-1] * n + origin
    flat = np.reshape(steps, (len(steps), -1))
    for frame in range(len(flat) - 1, -1, -1):
        place = states[frame + 1]
        np.subtract(place, flat[frame].take(place), states[frame])
    states[:] = (states - origin) // n
