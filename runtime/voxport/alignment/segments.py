"""Times of a text's segments (words, sentences) from the alignment of their letters.

The rule is ctc-forced-aligner's: a star, which fits any sound, may stand between segments; a
segment reaches to the middle of the blank frames on both sides, at the ends of the recording over
all of them. Knows emissions and labels; no text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxport.alignment.forced_alignment import Alignment, append_star, forced_align

Stars: TypeAlias = Literal["segment", "edges", "none"]
STARS = ("segment", "edges", "none")


@dataclass(frozen=True)
class SegmentSpan:
    """Frames of a segment, and of each of its labels."""

    start: int
    end: int  # exclusive
    score: float  # mean posterior of its labels' frames
    labels: tuple[tuple[int, int, int, float], ...]  # label, start, end (exclusive), mean posterior


def align_segments(
    log_probs: NDArray[Any],  # (T, C)
    segments: Sequence[Sequence[int]],
    blank: int,
    stars: Stars = "segment",
    name: str | None = None,
) -> list[SegmentSpan]:
    """Align the labels of segments with an emission.

    Args:
        log_probs: log-probabilities of T frames and C labels.
        segments: the labels of each; of a segment without any, the span has no frames.
        blank: the index of CTC's blank.
        stars: a star before each segment, at both ends of the text, or none.
        name: of the recording, for messages.

    Returns:
        The span of each segment.

    Raises:
        AlignmentError: the text is longer than its audio allows, or empty.
    """
    star = log_probs.shape[1]
    groups = _with_stars([list(one) for one in segments], star, stars)
    targets = [list(chain.from_iterable(groups))]
    names = None if name is None else [name]
    found = forced_align([append_star(log_probs)], targets, blank, names=names)[0]
    spans = _spans(found, [len(group) for group in groups])
    return spans[1::2] if stars == "segment" else spans[1:-1] if stars == "edges" else spans


def _with_stars(segments: list[list[int]], star: int, stars: Stars) -> list[list[int]]:
    if stars == "segment":
        return [group for segment in segments for group in ([star], segment)]
    return [[star], *segments, [star]] if stars == "edges" else segments


def _spans(alignment: Alignment, lengths: Sequence[int]) -> list[SegmentSpan]:
    """Return the span of each group of labels, of these lengths."""
    path, blank = alignment.path, alignment.blank
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    ends = np.append(starts[1:], len(path)) - 1  # last frames
    posteriors = np.exp(alignment.scores)
    totals = np.add.reduceat(posteriors, starts)
    said = np.flatnonzero(path[starts] != blank)  # runs of labels
    spans: list[SegmentSpan] = []
    place = 0  # in `said`
    most = len(said) - 1
    for length in lengths:
        if not length:
            frame = int(ends[said[place - 1]]) if place else 0
            spans.append(SegmentSpan(frame, frame, 0.0, ()))
            continue
        runs = said[place : place + length]
        start, end = int(starts[runs[0]]), int(ends[runs[-1]])
        if runs[0] and path[starts[runs[0] - 1]] == blank:
            before = runs[0] - 1
            middle = (int(starts[before]) + int(ends[before])) // 2
            start = int(starts[before]) if place == 0 else middle
        is_last = place + length > most
        if is_last or path[starts[runs[-1] + 1]] != blank:
            after = runs[-1] + 1
            is_padded = is_last and after < len(starts)
            end = int(ends[after]) + 1 if is_padded else end + 1
        else:
            after = runs[-1] + 1
            end = (int(starts[after]) + int(ends[after])) // 2
        frames = int((ends[runs] - starts[runs] + 1).sum())
        labels = tuple(
            (
                int(path[starts[run]]),
                int(starts[run]),
                int(ends[run]) + 1,
                float(totals[run] / (ends[run] - starts[run] + 1)),
            )
            for run in runs
        )
        spans.append(SegmentSpan(start, end, float(totals[runs].sum() / frames), labels))
        place += length
    return spans
