"""Graphs of allowed operators that run without end, or take all memory, as soon as they are asked.

They keep the contract's inputs and outputs; no look at the operators can tell them from others.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.hostile.constant_graph import constant_graph, valid_outputs


def endless_graph(labels: int) -> onnx.ModelProto:
    """Build a graph that never answers: a loop that counts."""
    return _with_loop(labels, helper.make_node("Add", ["state", "state"], ["next"]))


def growing_graph(labels: int) -> onnx.ModelProto:
    """Build a graph that takes twice the memory in every round of a loop."""
    return _with_loop(labels, helper.make_node("Concat", ["state", "state"], ["next"], axis=0))


def vast_graph(labels: int) -> onnx.ModelProto:
    """Build a graph that asks for 4 TB at once."""
    shape = numpy_helper.from_array(np.array([10**12], np.int64), "vast_shape")
    nodes = [helper.make_node("Expand", ["seed", "vast_shape"], ["grown"])]
    return _with_nodes(labels, nodes, [shape])


def _with_loop(labels: int, step: onnx.NodeProto) -> onnx.ModelProto:
    """Build a graph with a loop of 2**62 rounds over a state of float32."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), step],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    constants = [
        numpy_helper.from_array(np.array(2**62, np.int64), "rounds"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    loop = helper.make_node("Loop", ["rounds", "yes", "seed"], ["grown"], body=body)
    return _with_nodes(labels, [loop], constants)


def _with_nodes(
    labels: int, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]
) -> onnx.ModelProto:
    """Make a graph with an emission out of ``grown``, which the nodes make of ``seed``."""
    model = constant_graph(valid_outputs(labels))
    emission = next(node for node in model.graph.node if node.output[0] == "emission")
    emission.output[0] = "constant"
    first = numpy_helper.from_array(np.array([0], np.int64), "first")
    second = numpy_helper.from_array(np.array([1], np.int64), "second")
    flat = numpy_helper.from_array(np.array([-1], np.int64), "flat")
    model.graph.initializer.extend([first, second, flat, *constants])
    model.graph.node.extend(
        [
            helper.make_node("Reshape", ["waveform", "flat"], ["samples"]),
            helper.make_node("Slice", ["samples", "first", "second"], ["seed"]),
            *nodes,
            helper.make_node("ReduceMin", ["grown"], ["least"], keepdims=0),
            helper.make_node("Sub", ["least", "least"], ["nothing"]),
            helper.make_node("Add", ["constant", "nothing"], ["emission"]),
        ]
    )
    return model
