"""Long recordings in windows: where one is cut, and how the emissions are put together again.

Attention compares every frame with every other, so a recording of an hour cannot run as a whole.
It runs in windows that overlap: each hears some seconds on either side of what it answers for. The
window starts at a frame of the recording, so that its frames are the recording's own. It is cut
where the signal is quietest; where two windows meet, the seam goes to a frame at which it matters
least: both are silent there, and the tokens before it in the one and behind it in the other are
those that either found for the whole overlap. So a word on a seam comes out once.

Knows samples, frames and the blank; no files, no backend and no text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONTEXT = 1 / 8  # of a window, on either side: 5 s of 40
_SEARCH = 1 / 4  # of a window: where a quiet place is looked for, before the context at its end
_QUIET_FRAMES = 15  # that a quiet place is long: 0.3 s


@dataclass(frozen=True)
class Geometry:
    """What a window is, in the model's measures."""

    stride: int  # samples from a frame to the next
    field: int  # samples under a frame
    frames: int  # that a window has at the most

    @property
    def context(self) -> int:
        """Frames that a window hears on either side of what it answers for."""
        return int(self.frames * CONTEXT)

    @property
    def samples(self) -> int:
        """The samples of the longest window."""
        return self.span(self.frames)

    def span(self, frames: int) -> int:
        """The samples that have as many frames."""
        return (frames - 1) * self.stride + self.field


@dataclass(frozen=True)
class Window:
    """A part of a recording that runs at once."""

    first: int  # the recording's frame that is this window's first
    waveform: NDArray[np.float32]  # (S,)
    cut: int | None  # the recording's frame from which on the next one answers; None: the last


def windows(read: Callable[[int], NDArray[np.float32]], geometry: Geometry) -> Iterator[Window]:
    """The windows of a recording, of which `read` gives the next samples, fewer at its end."""
    first = 0
    waveform = read(geometry.samples)
    while len(waveform) == geometry.samples:
        cut = quietest(waveform, geometry)
        end = cut + geometry.context
        yield Window(first, waveform[: geometry.span(end)], first + cut)
        start = cut - geometry.context
        waveform = waveform[start * geometry.stride :]
        waveform = np.concatenate([waveform, read(geometry.samples - len(waveform))])
        first += start
    yield Window(first, waveform, None)


def quietest(waveform: NDArray[np.float32], geometry: Geometry) -> int:
    """The frame of a longest window in the middle of its quietest moment, late rather than early.

    The search leaves a whole context behind it, and comes after at least as much that is new.
    """
    last = geometry.frames - geometry.context
    first = last - max(1, int(geometry.frames * _SEARCH))
    length = min(_QUIET_FRAMES, last - first)
    samples = waveform[first * geometry.stride : last * geometry.stride]
    powers = np.square(samples, dtype=np.float64)
    powers = np.add.reduceat(powers, np.arange(0, len(powers), geometry.stride))  # of frames
    sums = np.convolve(powers, np.ones(length), "valid")
    quiet = len(sums) - 1 - int(sums[::-1].argmin())
    return first + quiet + length // 2


def stitch(
    answers: Iterable[tuple[Window, NDArray[np.float32]]], geometry: Geometry, blank: int
) -> Iterator[NDArray[np.float32]]:
    """The emission of a recording in parts, from the emissions (frames, labels) of its windows."""
    place, held = 0, None  # the frame from which on nothing is given yet, and what is known of it
    cut = 0
    for window, emission in answers:
        if held is not None:
            start = max(place, cut - geometry.context // 2)
            end = cut + geometry.context // 2
            old = held[start - place : end - place]
            new = emission[start - window.first : end - window.first]
            joint = start + seam(old, new, cut - start, blank)
            yield held[: joint - place]
            place = joint
        held = emission[place - window.first :]
        cut = place if window.cut is None else window.cut
    if held is not None:
        yield held


def seam(old: NDArray[np.float32], new: NDArray[np.float32], near: int, blank: int) -> int:
    """The frame, of those that two windows share, from which on the `new` one's emission is taken.

    Of the frames that cut no token the best is the one at which the joined path is nearest to both
    windows' own paths, in tokens that differ; of several, the one nearest to `near`.
    """
    count = min(len(old), len(new))  # the last window of a recording may end within the overlap
    paths = [emission[:count].argmax(axis=1) for emission in (old, new)]
    tokens, begun = zip(*(_tokens(path, blank) for path in paths), strict=True)
    before = edits(*tokens)
    after = edits(*(line[::-1] for line in tokens))[::-1, ::-1]
    frame = np.arange(count + 1)
    wrong = before[begun[0], begun[1]] + after[begun[0], begun[1]]
    silent = np.append(False, (paths[0] == blank) & (paths[1] == blank))  # the frame before
    return int(np.lexsort((np.abs(frame - near), wrong, ~silent))[0])


def _tokens(path: NDArray[np.int64], blank: int) -> tuple[list[int], NDArray[np.int64]]:
    """The tokens of a path, and how many have begun before each frame and before its end."""
    starts = path != blank
    starts[1:] &= path[1:] != path[:-1]
    return path[starts].tolist(), np.concatenate([[0], starts.cumsum()])


def edits(one: list[int], other: list[int]) -> NDArray[np.int64]:
    """Levenshtein's distance of every beginning of the one from every beginning of the other."""
    table = np.zeros((len(one) + 1, len(other) + 1), np.int64)
    row = list(range(len(other) + 1))
    table[0] = row
    for i, token in enumerate(one, 1):
        last, row = row, [i]
        for j, candidate in enumerate(other):
            change = last[j] + (token != candidate)
            row.append(min(change, last[j + 1] + 1, row[j] + 1))
        table[i] = row
    return table
