"""A picture of confusions: expected texts in rows, heard ones in columns, with their counts.

Beside the matrix of characters stands that of the words with most errors. Knows counts only.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.pictures.canvas import FAINT, INK, matplotlib_figure

_MAX_ROWS = 30
_CELL_INCHES = 0.27
_LETTER_INCHES = 0.085  # of a label, 8 points
_MIN_COLOURED = 0.005
_NOTHING = "nothing"
_MAX_LABEL = 16  # characters
_DARK = 0.15  # share of a cell from which its number is white


@dataclass(frozen=True)
class ConfusionCounts:
    """Counts of one unit: characters or words."""

    unit: str  # "characters"
    hits: Mapping[str, int]
    substitutions: Mapping[tuple[str, str], int]  # (expected, heard)
    deletions: Mapping[str, int]
    insertions: Mapping[str, int]

    @property
    def errors(self) -> int:
        """All differences."""
        kinds = (self.substitutions, self.deletions, self.insertions)
        return sum(sum(kind.values()) for kind in kinds)


@dataclass(frozen=True)
class _Matrix:
    """Counts of pairs: rows are expected, columns heard; the last of each is nothing."""

    rows: list[str]
    columns: list[str]
    counts: NDArray[np.int64]
    hidden: int  # errors of pairs without a cell


def draw(title: str, units: list[ConfusionCounts], dpi: int = 110) -> Any:
    """Draw a matrix a unit side by side; a cell's colour is its share of the row."""
    matrices = [_matrix(one) for one in units]
    widths = [_CELL_INCHES * len(one.columns) + _label_inches(one.rows) for one in matrices]
    widths = [max(4.0, width) for width in widths]
    below = max(_label_inches(one.columns) for one in matrices)
    height = max(_CELL_INCHES * len(one.rows) for one in matrices) + below + 2.0
    size = (sum(widths) + 1.2 * len(units), height)
    made = matplotlib_figure().Figure(figsize=size, dpi=dpi, layout="constrained")
    made.set_facecolor("white")
    made.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    axes = made.subplots(1, len(units), squeeze=False, width_ratios=widths)[0]
    for one, unit, matrix in zip(axes, units, matrices, strict=True):
        _draw_matrix(one, unit, matrix)
    return made


def _label_inches(labels: list[str]) -> float:
    return 0.5 + _LETTER_INCHES * max((len(_visible(one)) for one in labels), default=0)


def _matrix(unit: ConfusionCounts) -> _Matrix:
    """Choose the texts with most errors, and count their pairs."""
    pairs = Counter[tuple[str, str]](unit.substitutions)
    pairs.update({(expected, ""): count for expected, count in unit.deletions.items()})
    pairs.update({("", heard): count for heard, count in unit.insertions.items()})
    expected = Counter[str]()
    for (one, _), count in pairs.items():
        expected[one] += count
    rows = _most_common(expected)
    heard = Counter[str]()
    for (one, other), count in pairs.items():
        if not one or one in rows:
            heard[other] += count
    columns = _most_common(heard)
    # A hit has its cell too, so a row's share of errors can be seen
    columns = sorted({*columns, *(row for row in rows if unit.hits.get(row))})
    pairs.update({(row, row): unit.hits.get(row, 0) for row in rows})
    counts = [
        [pairs[(row, column)] if row or column else 0 for column in (*columns, "")]
        for row in (*rows, "")
    ]
    table = np.array(counts, np.int64)
    errors = int(table.sum()) - sum(unit.hits.get(row, 0) for row in rows)
    return _Matrix([*rows, ""], [*columns, ""], table, unit.errors - errors)


def _most_common(counts: Counter[str]) -> list[str]:
    """Return the most frequent texts in alphabetical order."""
    named = Counter({text: count for text, count in counts.items() if text})
    ranked = sorted(named, key=lambda text: (-named[text], text))
    return sorted(ranked[:_MAX_ROWS])


def _draw_matrix(axes: Any, unit: ConfusionCounts, matrix: _Matrix) -> None:
    counts = matrix.counts
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    coloured = np.where(counts > 0, np.maximum(shares, _MIN_COLOURED), np.nan)
    axes.imshow(np.log10(coloured), cmap="Blues", vmin=np.log10(_MIN_COLOURED) - 0.6, vmax=0.0,
                aspect="equal", interpolation="nearest")  # fmt: skip
    for row, column in np.argwhere(counts > 0).tolist():
        count = int(counts[row, column])
        style = {"ha": "center", "va": "center", "fontsize": 6 if count < 1000 else 4.5}
        is_dark = shares[row, column] > _DARK
        axes.text(column, row, str(count), color="white" if is_dark else INK, **style)
    axes.set_xticks(range(len(matrix.columns)), list(map(_visible, matrix.columns)), rotation=90)
    axes.set_yticks(range(len(matrix.rows)), list(map(_visible, matrix.rows)))
    axes.tick_params(labelsize=8, length=0, colors=INK)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(-0.5, len(matrix.columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(matrix.rows)), minor=True)
    axes.grid(which="minor", color="#eeeeee", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.set_ylabel("expected", fontsize=9, color=INK)
    axes.set_xlabel("heard", fontsize=9, color=INK)
    hidden = f", {matrix.hidden} in rarer pairs not shown" if matrix.hidden else ""
    title = f"{unit.unit}: {unit.errors} errors{hidden}" if unit.errors else f"{unit.unit}: none"
    axes.set_title(title, loc="left", fontsize=9, color=INK if unit.errors else FAINT)


def _visible(text: str) -> str:
    shown = {"": _NOTHING, " ": "␣"}.get(text, text)
    return shown if len(shown) <= _MAX_LABEL else f"{shown[: _MAX_LABEL - 1]}…"
