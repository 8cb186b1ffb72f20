"""Edit distance (Levenshtein): insertions, deletions and replacements between two sequences.

Knows sequences of any comparable elements, texts and tokens alike.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def edit_distance(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the fewest edits from one sequence to the other."""
    return deque(_rows(one, other), maxlen=1)[0][-1]


def edit_distance_table(one: Sequence[object], other: Sequence[object]) -> "NDArray[np.int64]":
    """Return the distances of all prefixes of the one from all prefixes of the other.

    int64 (len(one) + 1, len(other) + 1); the last element is the distance of the whole sequences.
    """
    import numpy as np

    return np.array(list(_rows(one, other)), np.int64)


def character_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the character error rate of pairs of an expected and a found text, all together."""
    known = list(pairs)
    characters = sum(len(expected) for expected, _ in known)
    return sum(edit_distance(*pair) for pair in known) / max(1, characters)


def _rows(one: Sequence[object], other: Sequence[object]) -> Iterator[list[int]]:
    """Yield the table's rows, one a prefix of ``one``."""
    row = list(range(len(other) + 1))
    yield row
    for i, item in enumerate(one, 1):
        last, row = row, [i]
        for j, candidate in enumerate(other):
            replaced = last[j] + (item != candidate)
            row.append(min(replaced, last[j + 1] + 1, row[j] + 1))
        yield row
