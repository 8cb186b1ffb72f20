"""Comparison of labels, exactly, and of logits and embeddings, within rounding.

For tasks other than transcription. Scores are compared with those of the expected logits. Knows the
expected answers and a backend to ask; neither their origin nor their display.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxport.backends.contract import Backend, HeadOutput
from voxport.package.manifest import EMBEDDING, FRAMES, SIGMOID, HeadInfo, ModelInfo
from voxport.verification.comparison import TOLERANCE, Check, ExpectedAnswer, pad_batch


def compare_answers(
    artifact: str,
    backend: Backend,
    model: ModelInfo,
    activation: str,
    expected: Sequence[ExpectedAnswer],
    padding: float = 0.0,
) -> list[Check]:
    """Compare a backend's answers to one batch, padded with ``padding``, with the expected ones.

    Args:
        artifact: its file.
        backend: runs it.
        model: gives the task and the labels.
        activation: from logits to scores.
        expected: the right answers.
        padding: fills the rows behind their ends.
    """
    output = backend.answer(*pad_batch(expected, padding), model.task)
    return [
        _check(artifact, output, row, item, model, activation) for row, item in enumerate(expected)
    ]


def label_of(logits: NDArray[np.float32], model: ModelInfo) -> str | None:
    """Return the label of a recording's logits (labels,); None for other tasks' values."""
    return model.labels[int(logits.argmax())] if logits.ndim == 1 and model.labels else None


def values_shape(frames: int, head: HeadInfo) -> tuple[int, ...]:
    """Return the shape of an answer's values: logits of all frames, or one row of the width."""
    return (frames, head.width) if frames else (head.width,)


def _check(
    artifact: str,
    output: HeadOutput,
    row: int,
    expected: ExpectedAnswer,
    model: ModelInfo,
    activation: str,
) -> Check:
    what = "embedding" if model.task == EMBEDDING else "logits"
    found = _row(output.embedding if model.task == EMBEDDING else output.logits, output, row, model)
    tolerance = TOLERANCE * max(1.0, float(np.abs(expected.values).max(initial=0.0)))
    difference, problem, label = float("inf"), None, ""
    if found.shape != expected.values.shape:
        problem = f"the {what}' shape: expected {expected.values.shape}, got {found.shape}"
    else:
        difference = float(np.abs(found - expected.values).max(initial=0.0))
        if not difference <= tolerance:  # so that NaN is a problem too
            problem = f"{what} differ by {difference:.1e}, more than {tolerance:.1e}"
        elif model.task != EMBEDDING:
            scores = _row(output.scores, output, row, model)
            problem = _score_problem(scores, expected.values, activation)
    if expected.label is not None:
        label = str(output.label[row]) if output.label is not None else str(label_of(found, model))
        if label != expected.label:
            problem = f"the label: expected {expected.label!r}, got {label!r}"
    samples = len(expected.waveform)
    return Check(artifact, expected.name, samples, difference, tolerance, label, problem, what)


def _row(
    values: NDArray[np.float32] | None, output: HeadOutput, row: int, model: ModelInfo
) -> NDArray[np.float32]:
    """Return one row of a batch, without its padding."""
    if values is None:
        raise TypeError("a comparison needs every output of the graph")
    if model.task != FRAMES or output.emission_lengths is None:
        return values[row]
    return values[row, : int(output.emission_lengths[row])]


def _score_problem(
    found: NDArray[np.float32], logits: NDArray[np.float32], activation: str
) -> str | None:
    """Compare scores with those of logits, as far as these are known."""
    exact = logits.astype(np.float64)
    if activation == SIGMOID:
        expected = 1 / (1 + np.exp(-exact))
    else:
        powers = np.exp(exact - exact.max(axis=-1, keepdims=True))
        expected = powers / powers.sum(axis=-1, keepdims=True)
    if found.shape != expected.shape:
        return f"the scores' shape: expected {expected.shape}, got {found.shape}"
    limit = TOLERANCE * max(1.0, float(np.abs(logits).max(initial=0.0)))
    difference = float(np.abs(found - expected).max(initial=0.0))
    if difference <= limit:
        return None
    return f"scores differ by {difference:.1e} from the {activation} of the logits"
