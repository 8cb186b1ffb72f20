"""A backend of tasks other than transcription whose answers can be read from its input.

The logits of a row are its length in samples, divided by 1 000, times 0, 1, 2 … Tests of the code
around the graph therefore need no graph.
"""

import numpy as np

from support import fakes
from voxport.backends.contract import HeadOutput
from voxport.package.manifest import (
    CLASSIFICATION,
    EMBEDDING,
    FRAMES,
    HeadInfo,
    Manifest,
    TensorSpec,
)

LABELS = ("low", "middle", "high")
LEAST_SAMPLES = {CLASSIFICATION: 20, FRAMES: 20, EMBEDDING: 100}


def manifest(task=CLASSIFICATION, head=None, **changes) -> Manifest:
    """The manifest of a model for a task; ``head`` changes fields of its head."""
    is_embedding = task == EMBEDDING
    shape = ("batch", "frames", 3) if task == FRAMES else ("batch", 3)
    output = TensorSpec("embedding" if is_embedding else "logits", "float32", shape)
    fields = {
        "activation": "none" if is_embedding else "softmax",
        "width": 3,
        "least_samples": LEAST_SAMPLES[task],
    }
    model = {
        "labels": () if is_embedding else LABELS,
        "word_delimiter": None,
        "emission": "none",
        "task": task,
    }
    return Manifest(
        {"voxport": "0"},
        fakes.model(**(model | changes)),
        (fakes.artifact(outputs=(output,)),),
        head=HeadInfo(**(fields | (head or {}))),
    )


class FakeTask:
    provider = "fake"
    runtime = "fake 1"

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def answer(self, waveform, lengths, task) -> HeadOutput:
        self.batches.append(lengths.tolist())
        rows = (lengths[:, None] / 1000 * np.arange(3)).astype(np.float32)
        if task == EMBEDDING:
            return HeadOutput(embedding=rows + 1)
        scores = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
        if task == CLASSIFICATION:
            return HeadOutput(rows, scores, [LABELS[row.argmax()] for row in rows])
        frames = np.maximum((lengths - fakes.RECEPTIVE_FIELD) // fakes.STRIDE + 1, 0)
        columns = np.arange(frames.max())[None, :, None] % 4 < [1, 2, 3]  # runs of 1, 2 and 3
        of_frames = np.repeat(columns.astype(np.float32), len(lengths), axis=0)
        return HeadOutput(of_frames, of_frames, emission_lengths=frames)
