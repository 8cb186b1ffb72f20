"""The graph's inputs and outputs as the contract names, types and shapes them."""

from __future__ import annotations

from voxport.manifest import TensorSpec

_LABELS = "labels"  # stands for the number of labels

INPUTS = (
    TensorSpec("waveform", "float32", ("batch", "samples")),
    TensorSpec("lengths", "int64", ("batch",)),
)

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


def outputs(labels: int) -> tuple[TensorSpec, ...]:
    """The outputs of a model with this many labels, in the contract's order."""
    return tuple(
        TensorSpec(s.name, s.type, tuple(labels if d == _LABELS else d for d in s.shape))
        for s in _OUTPUTS
    )
