"""Edit distance: how many characters of one text must change to make it another."""

from collections.abc import Iterable


def edits(expected: str, found: str) -> int:
    """The least number of insertions, deletions and replacements of a character."""
    row = list(range(len(found) + 1))
    for i, wanted in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, given in enumerate(found, 1):
            replaced = diagonal + (wanted != given)
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, replaced)
    return row[-1]


def error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """The character error rate of pairs of an expected and a found text, taken together."""
    known = list(pairs)
    characters = sum(len(expected) for expected, _ in known)
    return sum(edits(*pair) for pair in known) / max(1, characters)
