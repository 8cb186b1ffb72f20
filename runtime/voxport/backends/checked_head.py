"""Checks of the outputs of a graph whose task is not transcription.

Knows the contract and the labels; no engine.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxport.backends.checked_arrays import array_problem, length_problem, range_problem
from voxport.backends.contract import HEAD_OUTPUTS, TEXTS, HeadOutput
from voxport.package.manifest import EMBEDDING, FRAMES

_SCORE_SLACK = 1e-3  # a softmax is at most 1, within rounding


def head_problem(
    output: HeadOutput, task: str, rows: int, frames: int, labels: Sequence[str]
) -> str | None:
    """Return the first breach of the contract, or None.

    ``frames``: the most that a row can have.
    """
    for name in HEAD_OUTPUTS[task]:
        if getattr(output, name) is None and name not in TEXTS:
            return f"it gives no {name}"
    if task == EMBEDDING:
        return _values_problem("embedding", output.embedding, (rows, None))
    shape = (rows, None, len(labels)) if task == FRAMES else (rows, len(labels))
    return (
        _values_problem("logits", output.logits, shape)
        or _values_problem("scores", output.scores, shape)
        or range_problem("scores", output.scores, 0, 1 + _SCORE_SLACK)
        or (_frame_problem(output, rows, frames) if task == FRAMES else None)
        or _label_problem(output.label, rows, labels)
    )


def _values_problem(name: str, values: Any, shape: tuple[int | None, ...]) -> str | None:
    if problem := array_problem(name, values, np.float32, shape):
        return problem
    if not np.isfinite(values).all():
        return f"{name} holds values that are not numbers"
    return None


def _frame_problem(output: HeadOutput, rows: int, most: int) -> str | None:
    sizes = {values.shape[1] for values in (output.logits, output.scores) if values is not None}
    if len(sizes) != 1 or max(sizes) > most:
        return f"logits and scores of {sorted(sizes)} frames, of at most {most}"
    return length_problem("the frames", output.emission_lengths, rows, max(sizes))


def _label_problem(found: Any, rows: int, labels: Sequence[str]) -> str | None:
    if found is None:
        return None
    if len(found) != rows:
        return f"{len(found)} labels for {rows} recordings"
    known = {*labels, ""}  # none of a row without frames
    strange = next((label for label in found if label not in known), None)
    return None if strange is None else f"a label {str(strange)[:80]!r} that the model has not"
