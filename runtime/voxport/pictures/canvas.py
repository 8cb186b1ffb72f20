"""Common parts of every picture: rows over one time axis, a waveform, words in lanes, its file.

The only module to import matplotlib, and only on request; it uses no ``pyplot``, so it leaves
the plots of a caller's notebook alone. Knows no model.
"""

import io
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voxport.errors import InputError, OutputError, accessing
from voxport.optional_import import import_optional
from voxport.pictures.excerpt import Excerpt
from voxport.results.safe_file import replace_file
from voxport.transcript.transcript import Word

FORMATS = (".png", ".svg", ".pdf")

BLUE, VERMILION, INK, FAINT = "#0072b2", "#d55e00", "#222222", "#8a8a8a"

_INSTALL = 'pip install "voxport[plot]"'
_INCHES_PER_SECOND = 1.8
_STRIP_SECONDS = 10.0  # of a folded picture, as wide as the screen of a laptop
_MAX_PIXELS = 3e8  # of a bitmap: 1.2 GB while it is drawn
_MAX_SIDE = (1 << 16) - 1  # pixels, the drawing library's own limit
_MIN_AXIS_INCHES = 9.0
_MARGIN_INCHES = 1.6  # of a figure's width that the axes do not have
_ENVELOPE_BINS = 1500  # of the waveform: more than there are pixels to tell them apart


@dataclass(frozen=True)
class Page:
    """The look of a picture."""

    dpi: int = 110
    width: float | None = None  # inches; None: as much as the seconds need
    has_title: bool = True

    def axis_width(self, seconds: float) -> float:
        """Return the inches of the time axis."""
        if self.width is not None:
            return max(1.0, self.width - _MARGIN_INCHES)
        return max(_MIN_AXIS_INCHES, seconds * _INCHES_PER_SECOND)

    @property
    def strip_seconds(self) -> float:
        """Seconds of a strip of a folded picture."""
        if self.width is None:
            return _STRIP_SECONDS
        fitting = self.axis_width(0.0) / _INCHES_PER_SECOND
        return min(max(fitting, _STRIP_SECONDS / 2), 2 * _STRIP_SECONDS)


@dataclass(frozen=True)
class Mark:
    """A text and its time."""

    text: str
    start: float  # seconds
    end: float  # seconds


def new_figure(
    excerpt: Excerpt, heights: Sequence[float], title: str, page: Page
) -> tuple[Any, list[Any]]:
    """Return a figure and its rows' axes, of these heights in inches, over one time axis."""
    made, strips = new_folded_figure([excerpt], excerpt.seconds, [heights], title, page)
    return made, strips[0]


def new_folded_figure(
    strips: Sequence[Excerpt],
    seconds: float,
    heights: Sequence[Sequence[float]],
    title: str,
    page: Page,
) -> tuple[Any, list[list[Any]]]:
    """Return a figure and the rows' axes of each strip, of ``seconds`` and these heights."""
    width = _MARGIN_INCHES + page.axis_width(seconds)
    all_heights = [height for strip in heights for height in strip]
    below = 0.25 * len(strips)  # inches for the numbers of the time axes
    size = (width, sum(all_heights) + below + (0.65 if page.has_title else 0.35))
    made = matplotlib_figure().Figure(figsize=size, dpi=page.dpi, layout="constrained")
    made.set_facecolor("white")
    made.get_layout_engine().set(h_pad=0.03, hspace=0.0)
    axes = list(made.subplots(len(all_heights), 1, squeeze=False, height_ratios=all_heights)[:, 0])
    if page.has_title:
        made.suptitle(_fit(title, width * 11), x=0.01, ha="left", fontsize=11, color=INK)
    found: list[list[Any]] = []
    for excerpt, strip in zip(strips, heights, strict=True):
        rows, axes = axes[: len(strip)], axes[len(strip) :]
        for row in rows:
            if row is not rows[0]:
                row.sharex(rows[0])
            row.spines[["top", "right", "left"]].set_visible(False)
            row.tick_params(colors=INK, labelsize=8, length=2, labelbottom=row is rows[-1])
            row.set_xlim(excerpt.start, excerpt.start + max(seconds, 1e-3))
        found.append(rows)
    found[-1][-1].set_xlabel("seconds", fontsize=9, color=INK)
    return made, found


def matplotlib_figure() -> Any:
    """Import ``matplotlib.figure``; without it, raise an error with the install command."""
    return import_optional("matplotlib.figure", "drawing needs matplotlib", _INSTALL)


def halo() -> list[Any]:
    """Return a white edge for text on an image."""
    effects = import_optional("matplotlib.patheffects", "drawing needs matplotlib", _INSTALL)
    return [effects.withStroke(linewidth=2, foreground="white")]


def name_row(axes: Any, name: str) -> None:
    """Name a row at its left, instead of its values."""
    axes.set_yticks([])
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK)


def draw_waveform(axes: Any, excerpt: Excerpt) -> None:
    """Draw the lowest and highest sample of each pixel."""
    bins = np.array_split(excerpt.waveform, min(_ENVELOPE_BINS, max(1, len(excerpt.waveform))))
    low = [float(part.min(initial=0.0)) for part in bins]
    high = [float(part.max(initial=0.0)) for part in bins]
    time = np.linspace(excerpt.start, excerpt.end, len(bins))
    axes.fill_between(time, low, high, color=BLUE, linewidth=0.4)
    loudest = max(1e-3, *map(abs, low), *high)
    axes.set_ylim(-1.05 * loudest, 1.05 * loudest)
    name_row(axes, "waveform")


def shade(rows: Sequence[Any], words: Sequence[Word], start: float = 0.0) -> None:
    """Draw a band behind each word, through all of the rows; words count from ``start``."""
    for axes in rows:
        for word in words:
            band = (start + word.start, start + word.end)
            axes.axvspan(*band, color=VERMILION, alpha=0.13, linewidth=0, zorder=0)


def assign_lanes(marks: Sequence[Mark], seconds: float, size: float, page: Page) -> list[int]:
    """Return the lane of each mark, so no two texts of ``size`` points in one lane touch."""
    scale = seconds / page.axis_width(seconds)  # seconds an inch
    ends: list[float] = []
    chosen: list[int] = []
    for mark in marks:
        half = max((mark.end - mark.start) / 2, scale * text_width(mark.text, size) / 2)
        centre = (mark.start + mark.end) / 2
        free = (lane for lane, end in enumerate(ends) if end <= centre - half)
        lane = next(free, len(ends))
        ends[lane : lane + 1] = [centre + half]
        chosen.append(lane)
    return chosen


def text_width(text: str, size: float) -> float:
    """Estimate the inches of a text of ``size`` points."""
    ems = sum(1.05 if unicodedata.east_asian_width(c) in "WF" else 0.68 for c in text)
    return (ems + 0.3) * size / 72


def draw_marks(axes: Any, marks: Sequence[Mark], chosen: Sequence[int], size: float) -> None:
    """Draw each text at its time and in its lane, the first lane on top."""
    for mark, lane in zip(marks, chosen, strict=True):
        axes.text(
            (mark.start + mark.end) / 2,
            -lane,
            mark.text,
            ha="center",
            va="center",
            fontsize=size,
            color=INK,
            clip_on=False,
        )
    axes.set_ylim(-max(chosen, default=0) - 0.6, 0.6)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)


def save(made: Any, path: Path) -> None:
    """Write a figure into a file, never half-written."""
    check_format(path)
    if path.suffix.lower() == ".png":
        _check_pixels(made, path)
    content = io.BytesIO()
    with warnings.catch_warnings():  # a letter that no font here has is drawn as a box
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        made.savefig(content, format=path.suffix[1:].lower())
    with accessing(path, OutputError, "cannot be written"):
        replace_file(path, content.getvalue())


def _check_pixels(made: Any, path: Path) -> None:
    wide, high = (round(inches * made.dpi) for inches in made.get_size_inches())
    if max(wide, high) > _MAX_SIDE or wide * high > _MAX_PIXELS:
        raise InputError(
            f"the picture would have {wide} x {high} pixels: choose a shorter part, fewer dots an "
            "inch (--dpi), or .svg or .pdf",
            path,
        )


def check_format(path: Path) -> None:
    """Refuse an unknown ending, before anything is drawn."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"expected a name that ends in {', '.join(FORMATS)}", path)


def _fit(text: str, most: float) -> str:
    return text if len(text) <= most else f"{text[: int(most) - 1]}…"
