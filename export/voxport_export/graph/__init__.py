"""The exported graph: an eager model rebuilt so that no row depends on the rest of its batch.

Plain ``nn.Module``s over tensors, written once and traced twice (ONNX and TorchScript). Nothing
here knows of files, packages, sources of weights or precisions.

Shapes in docstrings: B rows of a batch, S samples, T frames, C channels of a convolution, D width
of the transformer, H heads, L labels. ``lengths`` (B,) counts samples; ``valid`` is a boolean mask
of a row's own samples or frames, always a prefix.
"""
