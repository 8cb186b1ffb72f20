"""Names, types and shapes of the graph's inputs and outputs, as the contract has them."""

from __future__ import annotations

from voxport.backends.contract import FEATURE_LENGTHS, LABEL, SAMPLE_RATE, feature_output
from voxport.package.manifest import CLASSIFICATION, EMBEDDING, FRAMES, TensorSpec
from voxport_export.graph.features import FeatureGraph, Graph
from voxport_export.graph.heads import HeadGraph
from voxport_export.graph.recognizer import RecognizerGraph

_LABELS = "labels"  # placeholder of the number of labels

INPUTS = (
    TensorSpec("waveform", "float32", ("batch", "samples")),
    TensorSpec("lengths", "int64", ("batch",)),
)

# Without a rate, a waveform is at the model's own.
OPTIONAL_INPUTS = (TensorSpec(SAMPLE_RATE, "int64", ()),)

_OUTPUTS = (
    TensorSpec("emission", "float32", ("batch", "frames", _LABELS)),
    TensorSpec("emission_lengths", "int64", ("batch",)),
    TensorSpec("tokens", "int64", ("batch", "tokens")),
    TensorSpec("token_lengths", "int64", ("batch",)),
    TensorSpec("token_starts", "int64", ("batch", "tokens")),
    TensorSpec("token_ends", "int64", ("batch", "tokens")),
    TensorSpec("token_scores", "float32", ("batch", "tokens")),
    TensorSpec("transcript", "string", ("batch",)),
)


def graph_outputs(graph: Graph, labels: int) -> tuple[TensorSpec, ...]:
    """Return every output of a graph in the contract's order; transcripts come before features."""
    if isinstance(graph, HeadGraph):
        return head_outputs(graph.head.task, graph.head.width)
    features = feature_outputs(graph.backbone.layers, graph.backbone.width)
    if isinstance(graph, FeatureGraph):
        return features
    recognized = recognizer_outputs(labels)
    return recognized if isinstance(graph, RecognizerGraph) else (*recognized, *features)


def recognizer_outputs(labels: int) -> tuple[TensorSpec, ...]:
    """Return the outputs of a recognizer with this many labels."""
    return tuple(
        TensorSpec(s.name, s.type, tuple(labels if d == _LABELS else d for d in s.shape))
        for s in _OUTPUTS
    )


def head_outputs(task: str, width: int) -> tuple[TensorSpec, ...]:
    """Return the outputs of a task other than transcription, with this many labels or channels."""
    recording, frames = ("batch", width), ("batch", "frames", width)
    return {
        CLASSIFICATION: (
            TensorSpec("logits", "float32", recording),
            TensorSpec("scores", "float32", recording),
            TensorSpec(LABEL, "string", ("batch",)),
        ),
        FRAMES: (
            TensorSpec("logits", "float32", frames),
            TensorSpec("scores", "float32", frames),
            TensorSpec("emission_lengths", "int64", ("batch",)),
        ),
        EMBEDDING: (TensorSpec("embedding", "float32", recording),),
    }[task]


def feature_outputs(layers: int, width: int) -> tuple[TensorSpec, ...]:
    """Return the outputs of this many transformer layers of this width."""
    return (
        *(
            TensorSpec(feature_output(n), "float32", ("batch", "frames", width))
            for n in range(1, layers + 1)
        ),
        TensorSpec(FEATURE_LENGTHS, "int64", ("batch",)),
    )
