"""Replace the inputs and outputs of a finished ONNX graph; its weights stay as they are.

Works on ``onnx_ir``'s lazy model. Weights beside the graph are copied: onnxruntime refuses external
data of a loop's body once its file has a second name, in either folder.

Knows no client: each layout's module holds the names for its runtime.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnx_ir.tape import Tape


class Rewiring:
    """A loaded graph whose inputs and outputs are being replaced; new operators go on ``tape``."""

    def __init__(self, path: Path):
        self.model = ir.load(path)
        self.tape = Tape()
        self._inputs = {str(value.name): value for value in self.model.graph.inputs}
        self._outputs = {str(value.name): value for value in self.model.graph.outputs}

    def output(self, name: str) -> ir.Value:
        """Return an output of the graph as it was loaded."""
        return self._outputs[name]

    def add_input(self, name: str, shape: Sequence[str]) -> ir.Value:
        """Add a float32 input."""
        value = ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))
        self.model.graph.inputs.append(value)
        return value

    def replace_inputs(self, values: Mapping[str, ir.Value]) -> None:
        """Replace the former inputs by values; everything on the tape runs before the graph.

        Inputs without a value must have a default: they become constants.
        """
        graph = self.model.graph
        for name, value in self._inputs.items():
            graph.inputs.remove(value)
            if name in values:
                ir.convenience.replace_all_uses_with(value, values[name])
        graph.insert_before(graph[0], list(self.tape.nodes))
        self.tape = Tape()

    def set_output(self, name: str, value: ir.Value, shape: Sequence[int | str]) -> None:
        """Make ``value``, float32, the only output; all on the tape runs after the graph."""
        graph = self.model.graph
        graph.extend(self.tape.nodes)
        self.tape = Tape()
        value.name, value.dtype, value.shape = name, ir.DataType.FLOAT, ir.Shape(shape)
        graph.outputs.clear()
        graph.outputs.append(value)
        RemoveUnusedNodesPass()(self.model)

    def save(self, path: Path, data: str) -> None:
        """Write the graph to ``path``, and its external weights to ``data`` in the same folder."""
        for graph in self.model.graphs():
            for value in graph.initializers.values():
                tensor = value.const_value
                if isinstance(tensor, ir.ExternalTensor):
                    if not path.with_name(data).exists():
                        shutil.copyfile(tensor.path, path.with_name(data))
                    value.const_value = _relocate(tensor, path.with_name(data))
        ir.save(self.model, path)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file; copy it if linking fails, as across disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _relocate(tensor: ir.ExternalTensor, data: Path) -> ir.ExternalTensor:
    """Return the same part of a copied file."""
    return ir.ExternalTensor(
        data.name,
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=tensor.shape,
        name=str(tensor.name),
        base_dir=data.parent,
    )
