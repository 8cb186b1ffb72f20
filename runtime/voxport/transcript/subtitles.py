"""Words grouped into subtitle cues of readable length.

The limits follow broadcasters' style guides. Scripts without spaces between words (Chinese,
Japanese, Thai) break at characters. Knows words, tokens and their times, not the output format.
"""

import math
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from voxport.transcript.script_units import split_units
from voxport.transcript.transcript import Token, Word

LINE_COLUMNS = 42  # a wide character (Chinese, Japanese) fills two
CUE_LINES = 2
LONGEST_CUE_S = 7.0
SHORTEST_CUE_S = 1.0  # if the next one leaves it the time
READING_SPEED = 20.0  # columns a second
PAUSE_S = 1.0  # of silence, which ends a cue


@dataclass(frozen=True)
class Cue:
    """Lines of text with the time of their display."""

    start: float  # seconds
    end: float  # seconds
    lines: tuple[str, ...]
    text: str  # the same on one line


@dataclass(frozen=True)
class _Piece:
    """A word, or a part of one with a possible line break behind it."""

    text: str
    start: float  # seconds
    end: float  # seconds
    gap: str  # what stands before it: a space, or nothing


def group_into_cues(
    words: Sequence[Word], text: str = "", tokens: Sequence[Token] = ()
) -> list[Cue]:
    """Group words in order; a cue ends after a pause or where a word would exceed a limit.

    CTC ends a word early, and people read slower than some speak: a cue stays until it can be read,
    or the next one comes.

    Args:
        words: of a transcript, in order.
        text: of the same transcript, for words without a space between them; by default every two
            have one.
        tokens: of the same transcript, for the times within a word; without them a word's
            characters share its time evenly.
    """
    groups: list[list[_Piece]] = []
    for piece in _split_words(words, text, tokens):
        if not groups or not _fits(groups[-1], piece):
            groups.append([])
        groups[-1].append(piece)
    following = [*(group[0].start for group in groups[1:]), math.inf]
    return [_build_cue(group, until) for group, until in zip(groups, following, strict=False)]


def _split_words(words: Sequence[Word], text: str, tokens: Sequence[Token]) -> Iterator[_Piece]:
    starts = [token.start for token in tokens]
    for word, gap in zip(words, _gaps(words, text), strict=True):
        parts = split_units(word.text)
        if len(parts) < 2 and word.end - word.start > LONGEST_CUE_S:  # a model without a delimiter
            parts = list(word.text)
        if len(parts) < 2:
            yield _Piece(word.text, word.start, word.end, gap)
            continue
        own = tokens[bisect_left(starts, word.start) : bisect_left(starts, word.end)]
        times = _character_times(word, [token for token in own if token.text.strip()])
        place = 0
        for part in parts:
            first, last = times[place], times[place + len(part) - 1]
            yield _Piece(part, first[0], last[1], "" if place else gap)
            place += len(part)


def _character_times(word: Word, tokens: Sequence[Token]) -> list[tuple[float, float]]:
    """Return start and end of each character of a word, in seconds."""
    if "".join(token.text for token in tokens) == word.text:
        return [(token.start, token.end) for token in tokens for _ in token.text]
    share = (word.end - word.start) / len(word.text)
    edges = [word.start + share * place for place in range(len(word.text))] + [word.end]
    return list(pairwise(edges))


def _gaps(words: Sequence[Word], text: str) -> Iterator[str]:
    """Yield the text between each word and the one before it."""
    place = 0
    for word in words:
        found = text.find(word.text, place)
        if found < 0:
            yield " "
        else:
            yield "" if 0 < place == found else " "
            place = found + len(word.text)


def _build_cue(group: list[_Piece], until: float) -> Cue:
    start, lines = group[0].start, tuple(_fill_lines(group))
    to_read = max(SHORTEST_CUE_S, sum(map(_count_columns, lines)) / READING_SPEED)
    end = max(group[-1].end, start + min(to_read, LONGEST_CUE_S))
    return Cue(start, min(end, until), lines, _join(group))


def _fits(group: list[_Piece], piece: _Piece) -> bool:
    return (
        piece.start - group[-1].end < PAUSE_S
        and piece.end - group[0].start <= LONGEST_CUE_S
        and len(_fill_lines([*group, piece])) <= CUE_LINES
    )


def _fill_lines(pieces: Sequence[_Piece]) -> list[str]:
    """Fill lines with words; a word longer than a line has its own."""
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]}{piece.gap}{piece.text}" if lines else ""
        if lines and _count_columns(longer) <= LINE_COLUMNS:
            lines[-1] = longer
        else:
            lines.append(piece.text)
    return lines


def _join(pieces: Sequence[_Piece]) -> str:
    first = replace(pieces[0], gap="")
    return "".join(f"{piece.gap}{piece.text}" for piece in (first, *pieces[1:]))


def _count_columns(text: str) -> int:
    """Return the width of a text; wide characters count twice."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
