"""Give a finished ONNX graph other inputs and outputs; its weights stay as they are.

Works on ``onnx_ir``'s lazy model. Weights that lie beside the graph are copied: onnxruntime refuses
those that a loop's body uses where their file has a second name, in either folder.
Knows no client: what it expects is written down in the module of its layout.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnx_ir.tape import Tape


class Rewiring:
    """A graph on its way to other names; what is computed anew is recorded on ``tape``."""

    def __init__(self, path: Path):
        self.model = ir.load(path)
        self.tape = Tape()
        self._inputs = {str(value.name): value for value in self.model.graph.inputs}
        self._outputs = {str(value.name): value for value in self.model.graph.outputs}

    def output(self, name: str) -> ir.Value:
        """An output of the graph as it was."""
        return self._outputs[name]

    def take(self, name: str, shape: Sequence[str]) -> ir.Value:
        """Add a float32 input."""
        value = ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))
        self.model.graph.inputs.append(value)
        return value

    def feed(self, values: Mapping[str, ir.Value]) -> None:
        """Compute what were inputs; all that is on the tape runs before the graph.

        Those that are not computed must have a default: they become constants.
        """
        graph = self.model.graph
        for name, value in self._inputs.items():
            graph.inputs.remove(value)
            if name in values:
                ir.convenience.replace_all_uses_with(value, values[name])
        graph.insert_before(graph[0], list(self.tape.nodes))
        self.tape = Tape()

    def give(self, name: str, value: ir.Value, shape: Sequence[int | str]) -> None:
        """Make ``value``, float32, the only output; all on the tape runs after the graph."""
        graph = self.model.graph
        graph.extend(self.tape.nodes)
        self.tape = Tape()
        value.name, value.dtype, value.shape = name, ir.DataType.FLOAT, ir.Shape(shape)
        graph.outputs.clear()
        graph.outputs.append(value)
        RemoveUnusedNodesPass()(self.model)

    def save(self, path: Path, data: str) -> None:
        """Write the graph; weights that lay beside it are copied to ``data`` beside ``path``."""
        for graph in self.model.graphs():
            for value in graph.initializers.values():
                tensor = value.const_value
                if isinstance(tensor, ir.ExternalTensor):
                    if not path.with_name(data).exists():
                        shutil.copyfile(tensor.path, path.with_name(data))
                    value.const_value = _in(path.with_name(data), tensor)
        ir.save(self.model, path)


def link(source: Path, target: Path) -> None:
    """Give a file a second name; where that cannot be, such as on another disk, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def constant(tape: Tape, value: float | Sequence[float], dtype: type[np.generic]) -> ir.Value:
    """Put a constant on the tape."""
    return tape.op("Constant", [], {"value": ir.tensor(np.array(value, dtype=dtype))})


def size(tape: Tape, value: ir.Value, axis: int) -> ir.Value:
    """The size of one axis: int64 [1]."""
    return tape.op("Shape", [value], {"start": axis, "end": axis + 1})


def count(tape: Tape, end: ir.Value) -> ir.Value:
    """The whole numbers from 0 up to ``end``, int64 [1], which is left out."""
    zero, one = (constant(tape, value, np.int64) for value in (0, 1))
    return tape.op("Range", [zero, tape.op("Squeeze", [end]), one])


def _in(data: Path, tensor: ir.ExternalTensor) -> ir.ExternalTensor:
    """The same part of the file under its other name."""
    return ir.ExternalTensor(
        data.name,
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=tensor.shape,
        name=str(tensor.name),
        base_dir=data.parent,
    )
