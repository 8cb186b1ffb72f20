"""The picture of features: each transformer layer's output for a recording, a strip a layer.

Channels differ in size by far, so each is shown as its distance from its own mean over time, in
its own standard deviations. Knows arrays; runs nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.package.manifest import ModelInfo
from voxport.pictures import canvas
from voxport.pictures.canvas import Mark, Page
from voxport.pictures.excerpt import Excerpt
from voxport.transcript.transcript import Word

_MAX_CHANNELS = 48  # rows of a strip, evenly chosen: more would be finer than pixels
_MAX_DEVIATIONS = 2.5  # standard deviations that have a colour
_WORD_POINTS = 9.5
_LANE_INCHES = 0.2


def draw(
    excerpt: Excerpt,
    features: NDArray[np.float32],
    model: ModelInfo,
    words: Sequence[Word] = (),
    page: Page = Page(),  # noqa: B008 (frozen)
) -> Any:
    """Return a figure of float32 [layers, frames, width], with the words if they are known."""
    marks = [Mark(w.text, excerpt.start + w.start, excerpt.start + w.end) for w in words]
    lanes = canvas.assign_lanes(marks, excerpt.seconds, _WORD_POINTS, page)
    layers, frames, width = features.shape
    count = min(width, _MAX_CHANNELS)
    shown = [index * width // count for index in range(count)]
    strip = min(0.8, max(0.25, 9.0 / layers))
    heights = [1.1, *[strip] * layers, *([_LANE_INCHES * (2 + max(lanes))] if marks else [])]
    title = f"{excerpt.name}: {layers} layers, {count} of {width} channels each"
    made, rows = canvas.new_figure(excerpt, heights, title, page)
    canvas.draw_waveform(rows[0], excerpt)
    right = excerpt.start + frames * model.frame_stride / model.sample_rate
    for number, (axes, layer) in enumerate(zip(rows[1:], features, strict=False), start=1):
        canvas.name_row(axes, f"layer {number}")
        if number < layers:
            axes.spines["bottom"].set_visible(False)
            axes.tick_params(bottom=False)
        if frames:
            image = axes.imshow(
                np.transpose(_standardize(layer[:, shown])),
                aspect="auto",
                extent=(excerpt.start, right, count, 0),
                cmap="PuOr_r",
                vmin=-_MAX_DEVIATIONS,
                vmax=_MAX_DEVIATIONS,
                interpolation="nearest",
            )
            axes.set_xlim(excerpt.start, max(excerpt.end, excerpt.start + 1e-3))
            if number == 1:
                _add_colour_bar(made, image, rows[1 : layers + 1])
    if marks:
        canvas.name_row(rows[-1], "words")
        canvas.draw_marks(rows[-1], marks, lanes, _WORD_POINTS)
        canvas.shade([rows[0], rows[-1]], words, excerpt.start)
    return made


def _standardize(layer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each column of (frames, channels) to mean 0 and deviation 1; a constant one to 0."""
    centred = layer - layer.mean(axis=0)
    return centred / np.maximum(layer.std(axis=0), 1e-6)


def _add_colour_bar(made: Any, image: Any, rows: Sequence[Any]) -> None:
    bar = made.colorbar(image, ax=list(rows), pad=0.01, fraction=0.03, aspect=40)
    bar.set_label("standard deviations from the channel's mean", fontsize=8, color=canvas.INK)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_visible(False)
