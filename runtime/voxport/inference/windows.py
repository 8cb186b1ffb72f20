"""Long recordings in overlapping windows: the cuts, and the stitching of emissions.

Attention compares every frame with every other, so a recording of an hour cannot run as a whole.
It runs in overlapping windows, each with some seconds of context on either side of its own frames.
A window starts at a frame of the recording, so both have the same frames. It is cut at the quietest
moment. Two windows meet at the frame of the least effect: both are silent there, and the tokens
before it in the one and behind it in the other are those of both over the whole overlap. So a word
on a seam comes out once.

Knows samples, frames and the blank; no files, no backend and no text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxport.transcript.edit_distance import edit_distance_table

CONTEXT_SHARE = 1 / 8  # of a window, on either side: 5 s of 40
_SEARCH_SHARE = 1 / 4  # of a window: searched for a quiet moment, before the context at its end
_QUIET_FRAMES = 15  # length of a quiet moment: 0.3 s


@dataclass(frozen=True)
class Geometry:
    """Length of a window in the model's samples and frames."""

    stride: int  # samples from a frame to the next
    field: int  # samples under a frame: the receptive field
    frames: int  # of the longest window

    @property
    def context(self) -> int:
        """Frames of context on either side of a window's own frames."""
        return int(self.frames * CONTEXT_SHARE)

    @property
    def samples(self) -> int:
        """Samples of the longest window."""
        return self.span(self.frames)

    def span(self, frames: int) -> int:
        """Return the number of samples under ``frames`` frames."""
        return (frames - 1) * self.stride + self.field


@dataclass(frozen=True)
class Window:
    """A part of a recording, run at once."""

    first: int  # frame of the recording that is this window's first
    waveform: NDArray[np.float32]  # (S,)
    cut: int | None  # frame of the recording from which the next one answers; None: the last


def split_into_windows(
    read: Callable[[int], NDArray[np.float32]], geometry: Geometry
) -> Iterator[Window]:
    """Yield the windows of a recording; ``read`` gives its next samples, fewer at its end."""
    first = 0
    waveform = read(geometry.samples)
    while len(waveform) == geometry.samples:
        cut = quietest_frame(waveform, geometry)
        end = cut + geometry.context
        yield Window(first, waveform[: geometry.span(end)], first + cut)
        start = cut - geometry.context
        waveform = waveform[start * geometry.stride :]
        waveform = np.concatenate([waveform, read(geometry.samples - len(waveform))])
        first += start
    yield Window(first, waveform, None)


def quietest_frame(waveform: NDArray[np.float32], geometry: Geometry) -> int:
    """Return the frame in the middle of a longest window's quietest moment, the latest of several.

    The search leaves a whole context behind it, and at least as many new frames before it.
    """
    last = geometry.frames - geometry.context
    first = last - max(1, int(geometry.frames * _SEARCH_SHARE))
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
    """Yield the emission of a recording in parts, from its windows' (frames, labels)."""
    place, held = 0, None  # the frame from which on nothing is given yet, and what is known of it
    cut = 0
    for window, emission in answers:
        if held is not None:
            start = max(place, cut - geometry.context // 2)
            end = cut + geometry.context // 2
            old = held[start - place : end - place]
            new = emission[start - window.first : end - window.first]
            joint = start + find_seam(old, new, cut - start, blank)
            yield held[: joint - place]
            place = joint
        held = emission[place - window.first :]
        cut = place if window.cut is None else window.cut
    if held is not None:
        yield held


def find_seam(old: NDArray[np.float32], new: NDArray[np.float32], near: int, blank: int) -> int:
    """Return the first frame taken from the ``new`` one of two windows.

    Of the frames inside no token, the best makes the joined path nearest to both windows' own
    paths, counted in differing tokens; of several, it is the one nearest to ``near``.
    """
    count = min(len(old), len(new))  # the last window of a recording may end within the overlap
    paths = [emission[:count].argmax(axis=1) for emission in (old, new)]
    tokens, begun = zip(*(_tokens(path, blank) for path in paths), strict=True)
    before = edit_distance_table(*tokens)
    after = edit_distance_table(*(line[::-1] for line in tokens))[::-1, ::-1]
    frame = np.arange(count + 1)
    wrong = before[begun[0], begun[1]] + after[begun[0], begun[1]]
    silent = np.append(False, (paths[0] == blank) & (paths[1] == blank))  # the frame before
    return int(np.lexsort((np.abs(frame - near), wrong, ~silent))[0])


def _tokens(path: NDArray[np.int64], blank: int) -> tuple[list[int], NDArray[np.int64]]:
    """Return a path's tokens, and the number begun before each frame and before its end."""
    starts = path != blank
    starts[1:] &= path[1:] != path[:-1]
    return path[starts].tolist(), np.concatenate([[0], starts.cumsum()])
