"""ONNX files that keep their weights in common in one external file.

Weights are compared by their bytes, so nothing must be known of the graphs. A host needs nothing
new: each graph names the shared file as any large graph names its external weights. Those in the
bodies of loops stay in each file: onnxruntime takes external weights from memory, as the C++ host
gives them, for the main graph only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx_ir as ir
from onnx_ir.external_data import convert_tensors_to_external

_LEAST_BYTES = 1024  # of a shared weight; shapes and other small constants stay in the graph
_ALIGNMENT_BYTES = 65_536  # so that every system can map each weight alone


def hash_weights(path: Path) -> set[str]:
    """Return the hashes of a file's weights that are large enough to be shared."""
    return {digest for digest, _ in _weights(ir.load(path))}


class SharedWeights:
    """Weights in an external file, by their hash."""

    def __init__(self, source: Path, shared: set[str], data: Path) -> None:
        """Write the weights of ``source`` with these hashes to the new file ``data``."""
        found: dict[str, ir.TensorProtocol] = {}
        for digest, value in _weights(ir.load(source)):
            tensor = value.const_value
            if digest in shared and tensor is not None:
                found.setdefault(digest, tensor)
        written = convert_tensors_to_external(
            list(found.values()), data.parent, data.name, alignment=_ALIGNMENT_BYTES
        )
        self._data = data
        self._tensors = dict(zip(found, written, strict=True))

    def rewrite(self, source: Path, target: Path) -> None:
        """Write ``source`` to ``target``, beside the data."""
        model = ir.load(source)
        for digest, value in _weights(model):
            tensor = value.const_value
            shared = self._tensors.get(digest)
            if tensor is None or shared is None:
                continue
            value.const_value = ir.ExternalTensor(
                location=self._data.name,
                offset=shared.offset,
                length=shared.length,
                dtype=tensor.dtype,
                shape=tensor.shape if isinstance(tensor.shape, ir.Shape) else ir.Shape([]),
                name=str(value.name),
                base_dir=str(self._data.parent),
            )
        for graph in (model.graph, *model.graph.subgraphs()):
            _load_own(graph, self._data.name)
        ir.save(model, target)


def _weights(model: ir.Model) -> Iterator[tuple[str, ir.Value]]:
    """Yield the large weights of a model's main graph with their hashes."""
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.nbytes < _LEAST_BYTES or tensor.dtype == ir.DataType.STRING:
            continue
        shape = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
        yield hashlib.sha256(shape + tensor.tobytes()).hexdigest(), value


def _load_own(graph: ir.Graph, shared: str) -> None:
    """Bring weights that lie in another external file into the graph."""
    for value in graph.initializers.values():
        tensor = value.const_value
        if isinstance(tensor, ir.ExternalTensor) and tensor.location != shared:
            value.const_value = ir.tensor(tensor.numpy(), name=value.name)
