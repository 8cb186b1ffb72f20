"""A backend with outputs readable from its input, and its manifest.

The waveform holds labels: the label of frame t is the value of sample 10 * t. Tests of the code
around the graph therefore need no graph.
"""

from itertools import groupby

import numpy as np

from voxport.backends.contract import OUTPUTS, GraphOutput
from voxport.errors import InferenceError
from voxport.package.manifest import Artifact, Manifest, ModelInfo

LABELS = ("-", "|", "A", "B", "C")
STRIDE = 10
RECEPTIVE_FIELD = 20
RATE = 1000


def model(**changes) -> ModelInfo:
    fields = {
        "name": "fake",
        "source": "a test",
        "licence": "CC0-1.0",
        "labels": LABELS,
        "blank": 0,
        "word_delimiter": "|",
        "sample_rate": RATE,
        "frame_stride": STRIDE,
        "receptive_field": RECEPTIVE_FIELD,
        "normalize_waveform": False,
        "emission": "logits",
        "parameters": 0,
    }
    return ModelInfo(**(fields | changes))


def artifact(**changes) -> Artifact:
    fields = {
        "path": "model.onnx",
        "kind": "onnx",
        "precision": "fp32",
        "bytes": 0,
        "sha256": "0" * 64,
        "inputs": (),
        "outputs": (),
    }
    return Artifact(**(fields | changes))


def manifest(**changes) -> Manifest:
    return Manifest({"voxport": "0"}, model(**changes), (artifact(),))


def say(text: str, frames: int = 3) -> np.ndarray:
    """Return the waveform of a text, each character for ``frames`` frames."""
    labels = [LABELS.index(label) for label in text]
    samples = np.repeat(np.array(labels, np.float32), frames * STRIDE)
    return np.append(samples, np.zeros(RECEPTIVE_FIELD - STRIDE, np.float32))


class FakeBackend:
    provider = "fake"
    runtime = "fake 1"

    def __init__(self, most_samples: int = 10**9) -> None:
        self.batches: list[list[int]] = []  # the lengths of each batch that was run
        self.asked: list[tuple[str, ...]] = []
        self.most_samples = most_samples  # a longer row fails

    def run(self, waveform, lengths, outputs=OUTPUTS) -> GraphOutput:
        assert waveform.dtype == np.float32
        assert lengths.dtype == np.int64
        assert waveform.shape[1] >= RECEPTIVE_FIELD
        self.batches.append(lengths.tolist())
        self.asked.append(tuple(outputs))
        if lengths.max() > self.most_samples:
            raise InferenceError("out of memory")
        rows = [_hear(row[:length]) for row, length in zip(waveform, lengths, strict=True)]
        values = _outputs(rows)
        return GraphOutput(**{name: values[name] for name in outputs})


def _hear(samples):
    count = max(0, (len(samples) - RECEPTIVE_FIELD) // STRIDE + 1)
    path = samples[::STRIDE][:count].astype(int).tolist()
    runs, start = [], 0
    for label, group in groupby(path):
        end = start + len(list(group))
        if label:
            runs.append((label, start, end))
        start = end
    return path, runs


def _outputs(rows):
    paths, runs = zip(*rows, strict=True)
    frames, tokens = max(map(len, paths)), max(map(len, runs))
    emission = np.zeros((len(rows), frames, len(LABELS)), np.float32)
    columns = np.full((3, len(rows), tokens), -1, np.int64)
    for row, (path, found) in enumerate(rows):
        emission[row, np.arange(len(path)), path] = 1
        columns[:, row, : len(found)] = np.array(found, np.int64).reshape(-1, 3).T
    texts = ["".join(LABELS[run[0]] for run in found).replace("|", " ") for found in runs]
    return {
        "emission": emission,
        "emission_lengths": np.array([len(path) for path in paths], np.int64),
        "tokens": columns[0],
        "token_lengths": np.array([len(found) for found in runs], np.int64),
        "token_starts": columns[1],
        "token_ends": columns[2],
        "token_scores": (1 / (1 + columns[0].clip(0))).astype(np.float32),  # A: 1/3, B: 1/4 ...
        "transcript": texts,
    }
