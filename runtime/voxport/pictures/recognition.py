"""The picture of a transcript: waveform, emission, tokens and words over one time axis.

Knows an answer and its model's labels; runs nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import ModelInfo
from voxport.pictures import canvas
from voxport.pictures.canvas import Mark, Page
from voxport.pictures.excerpt import Excerpt
from voxport.transcript.transcript import Transcript

_MIN_COLOURED = 1e-3  # posteriors from here to 1 have a colour, on a scale of logarithms
_MIN_SHOWN = 0.05  # a label below this posterior everywhere has no row
_MAX_LABELS = 40  # rows that can be read; the likeliest where a model has more
_MAX_LABEL_CHARACTERS = 10
_TOKEN_POINTS, _WORD_POINTS = 8.0, 9.5
_LANE_INCHES = 0.2


def draw(
    excerpt: Excerpt,
    emission: NDArray[np.float32],
    transcript: Transcript,
    model: ModelInfo,
    page: Page = Page(),  # noqa: B008 (frozen)
) -> Any:
    """Return a figure of float32 [frames, labels]; the transcript's times are the excerpt's."""
    tokens = [
        Mark(_visible(t.text), excerpt.start + t.start, excerpt.start + t.end)
        for t in transcript.tokens
    ]
    words = [Mark(w.text, excerpt.start + w.start, excerpt.start + w.end) for w in transcript.words]
    tracks = [
        (marks, canvas.assign_lanes(marks, excerpt.seconds, size, page), size, name)
        for marks, size, name in ((tokens, _TOKEN_POINTS, "tokens"), (words, _WORD_POINTS, "words"))
    ]
    posteriors = _posteriors(emission)
    shown = _shown_labels(posteriors, model)
    heights = [1.1, max(1.0, 0.19 * len(shown))]
    heights += [_LANE_INCHES * (2 + max(lanes, default=0)) for _, lanes, _, _ in tracks]
    made, rows = canvas.new_figure(excerpt, heights, _title(excerpt, transcript), page)
    canvas.draw_waveform(rows[0], excerpt)
    _draw_emission(made, rows[1], posteriors[:, shown], excerpt, model)
    _name_runs(rows[1], tokens, transcript, shown, model)
    rows[1].set_yticks(range(len(shown)), [_label_name(model, label) for label in shown])
    rows[1].tick_params(axis="y", labelsize=8)
    _tell_hidden(rows[1], len(model.labels) - len(shown))
    for axes, (marks, lanes, size, name) in zip(rows[2:], tracks, strict=True):
        canvas.name_row(axes, name)
        canvas.draw_marks(axes, marks, lanes, size)
        if not marks:
            axes.text(0.5, 0.5, f"no {name}", transform=axes.transAxes, ha="center", va="center",
                      fontsize=size, color=canvas.FAINT)  # fmt: skip
    canvas.shade([rows[0], *rows[2:]], transcript.words, excerpt.start)
    return made


def _draw_emission(
    made: Any, axes: Any, posteriors: NDArray[np.float64], excerpt: Excerpt, model: ModelInfo
) -> None:
    """Draw posteriors (frames, labels) as an image, a column a frame."""
    stride = model.frame_stride / model.sample_rate
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
    axes.set_xlim(excerpt.start, max(excerpt.end, excerpt.start + 1e-3))


def _name_runs(
    axes: Any, marks: list[Mark], transcript: Transcript, shown: list[int], model: ModelInfo
) -> None:
    """Write each token beside the frames it was read from: the axis is far from most of them."""
    halo = canvas.halo()
    row_of = {model.labels[label]: row for row, label in enumerate(shown)}
    for mark, token in zip(marks, transcript.tokens, strict=True):
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
    shown = text or f"#{label}"
    is_long = len(shown) > _MAX_LABEL_CHARACTERS
    return f"{shown[: _MAX_LABEL_CHARACTERS - 1]}…" if is_long else shown


def _visible(token: str) -> str:
    return "␣" if token == " " else token


def _title(excerpt: Excerpt, transcript: Transcript) -> str:
    text = " ".join(transcript.text.split())
    return f"{excerpt.name}: {text}" if text else f"{excerpt.name}: no words"
