"""Words grouped into cues that can be read as subtitles.

The limits are those that broadcasters' style guides agree on. Knows words and their times, not the
format that they end in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from voxport.transcript.transcript import Word

LINE = 42  # characters
LINES = 2
LONGEST = 7.0  # seconds that one cue may stand
SHORTEST = 1.0  # seconds that it stands at least, if the next one leaves it the time
SPEED = 20.0  # characters that are read in a second
PAUSE = 1.0  # seconds of silence that end a cue


@dataclass(frozen=True)
class Cue:
    """Some words and when they are shown."""

    start: float  # seconds
    end: float  # seconds
    lines: tuple[str, ...]


def cues(words: Sequence[Word]) -> list[Cue]:
    """The words in order; a cue ends where the next word would exceed a limit or after a pause.

    CTC hears the end of a word early, and people read slower than some speak: a cue stays until it
    can be read, or the next one comes.
    """
    groups: list[list[Word]] = []
    for word in words:
        if not groups or not _fits(groups[-1], word):
            groups.append([])
        groups[-1].append(word)
    following = [*(group[0].start for group in groups[1:]), math.inf]
    return [_cue(group, until) for group, until in zip(groups, following, strict=False)]


def _cue(group: list[Word], until: float) -> Cue:
    start, lines = group[0].start, tuple(_lines(group))
    to_read = max(SHORTEST, sum(map(len, lines)) / SPEED)
    end = max(group[-1].end, start + min(to_read, LONGEST))
    return Cue(start, min(end, until), lines)


def _fits(group: list[Word], word: Word) -> bool:
    return (
        word.start - group[-1].end < PAUSE
        and word.end - group[0].start <= LONGEST
        and len(_lines([*group, word])) <= LINES
    )


def _lines(words: list[Word]) -> list[str]:
    """Words filled into lines; one that is longer than a line has its own."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word.text) <= LINE:
            lines[-1] += f" {word.text}"
        else:
            lines.append(word.text)
    return lines
