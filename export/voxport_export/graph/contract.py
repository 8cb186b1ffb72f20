"""The graph's inputs and outputs as the contract names, types and shapes them."""

from __future__ import annotations

from voxport.backends.contract import FEATURE_LENGTHS, SAMPLE_RATE, feature_output
from voxport.package.manifest import TensorSpec
from voxport_export.graph import FeatureGraph, Graph, RecognizerGraph

_LABELS = "labels"  # stands for the number of labels

INPUTS = (
    TensorSpec("waveform", "float32", ("batch", "samples")),
    TensorSpec("lengths", "int64", ("batch",)),
)

# What a graph need not be given; without the rate a waveform is at the model's own.
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


def feature_outputs(layers: int, width: int) -> tuple[TensorSpec, ...]:
    """The outputs of a model's transformer layers."""
    return (
        *(
            TensorSpec(feature_output(n), "float32", ("batch", "frames", width))
            for n in range(1, layers + 1)
        ),
        TensorSpec(FEATURE_LENGTHS, "int64", ("batch",)),
    )


def outputs_of(graph: Graph, labels: int) -> tuple[TensorSpec, ...]:
    """Every output of a graph, in the contract's order; transcripts come before features."""
    features = feature_outputs(graph.backbone.layers, graph.backbone.width)
    if isinstance(graph, FeatureGraph):
        return features
    return outputs(labels) if isinstance(graph, RecognizerGraph) else (*outputs(labels), *features)


def outputs(labels: int) -> tuple[TensorSpec, ...]:
    """The outputs of a model with this many labels, in the contract's order."""
    return tuple(
        TensorSpec(s.name, s.type, tuple(labels if d == _LABELS else d for d in s.shape))
        for s in _OUTPUTS
    )
