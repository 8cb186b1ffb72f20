"""The picture of a transcript: waveform, emission, tokens and words over one time axis.

That of a long recording is folded into strips below each other.

Knows an answer and its model's labels; runs nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import ModelInfo
from voxport.pictures import canvas
from voxport.pictures.canvas import Mark, Page
from voxport.pictures.excerpt import MAX_SECONDS, Excerpt
from voxport.transcript.transcript import Token, Transcript, Word

_MIN_COLOURED = 1e-3  # posteriors from here to 1 have a colour, on a scale of logarithms
_MIN_SHOWN = 0.05  # a label below this posterior everywhere has no row
_MAX_LABELS = 40  # rows that can be read; the likeliest where a model has more
_MAX_LABEL_CHARACTERS = 10
_TOKEN_POINTS, _WORD_POINTS = 8.0, 9.5
_LANE_INCHES = 0.2

_Timed = TypeVar("_Timed", Token, Word)


def draw(
    excerpt: Excerpt,
    emission: NDArray[np.float32],
    transcript: Transcript,
    model: ModelInfo,
    page: Page = Page(),  # noqa: B008 (frozen)
) -> Any:
    """Return a figure of float32 [frames, labels]; the transcript's times are the excerpt's.

    More than 20 s are folded into strips below each other.
    """
    posteriors = _posteriors(emission)
    shown = _shown_labels(posteriors, model)
    strips = list(_strips(excerpt, posteriors[:, shown], transcript, model, page))
    seconds = excerpt.seconds if len(strips) == 1 else page.strip_seconds
    tracks = [_tracks(strip, seconds, page) for strip in strips]
    heights = [_heights(len(shown), strip) for strip in tracks]
    title = _title(excerpt, transcript)
    parts = [strip.excerpt for strip in strips]
    made, rows = canvas.new_folded_figure(parts, seconds, heights, title, page)
    for strip, strip_tracks, axes in zip(strips, tracks, rows, strict=True):
        _draw_strip(made, axes, strip, strip_tracks, shown, model)
    _tell_hidden(rows[-1][1], len(model.labels) - len(shown))
    return made


@dataclass(frozen=True)
class _Strip:
    """A part of the excerpt that is one strip of the picture."""

    excerpt: Excerpt
    posteriors: NDArray[np.float64]  # (frames, rows)
    tokens: tuple[Token, ...]  # times are the recording's, as are the words'
    words: tuple[Word, ...]


@dataclass(frozen=True)
class _Track:
    """A row of texts."""

    name: str
    marks: list[Mark]
    lanes: list[int]
    points: float


def _strips(
    excerpt: Excerpt,
    posteriors: NDArray[np.float64],
    transcript: Transcript,
    model: ModelInfo,
    page: Page,
) -> Iterator[_Strip]:
    """Yield the strips, cut between words where that is possible."""
    rate, stride = excerpt.sample_rate, model.frame_stride
    tokens = [_shifted(token, excerpt.start) for token in transcript.tokens]
    words = [_shifted(word, excerpt.start) for word in transcript.words]
    cuts = [0, *_cuts(excerpt, transcript, model, page), len(posteriors)]
    for first, last in pairwise(cuts):
        end = None if last == len(posteriors) else last * stride
        part = replace(
            excerpt,
            waveform=excerpt.waveform[first * stride : end],
            start=excerpt.start + first * stride / rate,
        )
        until = float("inf") if end is None else excerpt.start + end / rate
        yield _Strip(
            part,
            posteriors[first:last],
            tuple(token for token in tokens if part.start <= token.start < until),
            tuple(word for word in words if part.start <= word.start < until),
        )


def _cuts(excerpt: Excerpt, transcript: Transcript, model: ModelInfo, page: Page) -> Iterator[int]:
    """Yield the frames that strips begin with, the first one's left out."""
    if excerpt.seconds <= MAX_SECONDS:
        return
    frames_per_second = excerpt.sample_rate / model.frame_stride
    start = 0.0
    while start + page.strip_seconds < excerpt.seconds:
        cut = start + page.strip_seconds
        crossing = [word.start for word in transcript.words if word.start < cut < word.end]
        if crossing and crossing[0] > start + page.strip_seconds / 2:
            cut = crossing[0]
        frame = int(cut * frames_per_second + 1e-6)
        yield frame
        start = frame / frames_per_second


def _shifted(item: _Timed, seconds: float) -> _Timed:
    return replace(item, start=item.start + seconds, end=item.end + seconds)


def _tracks(strip: _Strip, seconds: float, page: Page) -> list[_Track]:
    tokens = [Mark(_visible(token.text), token.start, token.end) for token in strip.tokens]
    words = [Mark(word.text, word.start, word.end) for word in strip.words]
    return [
        _Track(name, marks, canvas.assign_lanes(marks, seconds, points, page), points)
        for name, marks, points in (
            ("tokens", tokens, _TOKEN_POINTS),
            ("words", words, _WORD_POINTS),
        )
    ]


def _heights(labels: int, tracks: list[_Track]) -> list[float]:
    """Return the inches of the waveform, the emission, and each row of texts."""
    texts = [_LANE_INCHES * (2 + max(track.lanes, default=0)) for track in tracks]
    return [1.1, max(1.0, 0.19 * labels), *texts]


def _draw_strip(
    made: Any,
    rows: list[Any],
    strip: _Strip,
    tracks: list[_Track],
    shown: list[int],
    model: ModelInfo,
) -> None:
    canvas.draw_waveform(rows[0], strip.excerpt)
    _draw_emission(made, rows[1], strip.posteriors, strip.excerpt, model)
    _name_runs(rows[1], tracks[0].marks, strip.tokens, shown, model)
    rows[1].set_yticks(range(len(shown)), [_label_name(model, label) for label in shown])
    rows[1].tick_params(axis="y", labelsize=8)
    for axes, track in zip(rows[2:], tracks, strict=True):
        canvas.name_row(axes, track.name)
        canvas.draw_marks(axes, track.marks, track.lanes, track.points)
        if not track.marks:
            axes.text(0.5, 0.5, f"no {track.name}", transform=axes.transAxes, ha="center",
                      va="center", fontsize=track.points, color=canvas.FAINT)  # fmt: skip
    canvas.shade([rows[0], *rows[2:]], strip.words)


def _draw_emission(
    made: Any, axes: Any, posteriors: NDArray[np.float64], excerpt: Excerpt, model: ModelInfo
) -> None:
    """Draw posteriors (frames, labels) as an image, a column a frame."""
    stride = model.frame_stride / model.sample_rate
    limits = axes.get_xlim()
    right = excerpt.start + stride * len(posteriors)
    extent = (excerpt.start, right, posteriors.shape[1] - 0.5, -0.5)
    if len(posteriors):
        image = axes.imshow(
            np.transpose(np.log10(np.maximum(posteriors, _MIN_COLOURED))),
            aspect="auto",
            extent=extent,
            cmap="Blues",
            vmin=np.log10(_MIN_COLOURED),
            vmax=0.0,
            interpolation="nearest",
        )
        bar = made.colorbar(image, ax=axes, pad=0.01, fraction=0.03, aspect=30)
        bar.set_ticks([-3, -2, -1, 0], labels=["≤ 0.1 %", "1 %", "10 %", "100 %"])
        bar.ax.tick_params(labelsize=8, length=2)
        bar.outline.set_visible(False)
    axes.set_ylabel("emission", rotation=0, ha="right", va="center", fontsize=9, color=canvas.INK)
    axes.set_xlim(limits)


def _name_runs(
    axes: Any, marks: list[Mark], tokens: Sequence[Token], shown: list[int], model: ModelInfo
) -> None:
    """Write each token beside the frames it was read from: the axis is far from most of them."""
    halo = canvas.halo()
    row_of = {model.labels[label]: row for row, label in enumerate(shown)}
    for mark, token in zip(marks, tokens, strict=True):
        label = model.word_delimiter if token.text == " " else token.text
        if label in row_of:
            place = {"xy": (mark.end, row_of[label]), "xytext": (2, 0)}
            style: dict[str, Any] = {"fontsize": _TOKEN_POINTS, "color": canvas.VERMILION}
            style |= {"va": "center", "path_effects": halo}
            axes.annotate(mark.text, **place, textcoords="offset points", **style)


def _tell_hidden(axes: Any, count: int) -> None:
    """Say under the emission how many labels have no row."""
    if count:
        text = f"{count} more labels, under {_MIN_SHOWN:.0%} throughout"
        place = {"xy": (1, 0), "xycoords": "axes fraction", "xytext": (0, -3)}
        style: dict[str, Any] = {"fontsize": 7, "color": canvas.FAINT, "ha": "right", "va": "top"}
        axes.annotate(text, **place, textcoords="offset points", **style)


def _posteriors(emission: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the softmax over the labels; of log-probabilities, the probabilities."""
    scores = np.exp(emission - emission.max(axis=1, keepdims=True, initial=-np.inf), dtype=float)
    return scores / scores.sum(axis=1, keepdims=True)


def _shown_labels(posteriors: NDArray[np.float64], model: ModelInfo) -> list[int]:
    """List the labels with a row: the blank, and the likeliest occurring ones."""
    peaks = posteriors.max(axis=0, initial=0.0)
    peaks[model.blank] = 2.0
    likeliest = np.argsort(-peaks, kind="stable")[:_MAX_LABELS]
    return sorted(int(label) for label in likeliest if peaks[label] >= _MIN_SHOWN)


def _label_name(model: ModelInfo, label: int) -> str:
    text = model.labels[label]
    if label == model.blank:
        return "blank"
    if text == model.word_delimiter:
        return "space"
    shown = text.rstrip(" ") or f"#{label}"
    is_long = len(shown) > _MAX_LABEL_CHARACTERS
    return f"{shown[: _MAX_LABEL_CHARACTERS - 1]}…" if is_long else shown


def _visible(token: str) -> str:
    return "␣" if token == " " else token.rstrip(" ")  # a phoneme ends in a space


def _title(excerpt: Excerpt, transcript: Transcript) -> str:
    text = " ".join(transcript.text.split())
    return f"{excerpt.name}: {text}" if text else f"{excerpt.name}: no words"
