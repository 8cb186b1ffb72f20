"""ONNX graphs with the contract's inputs and constant outputs, for campaigns and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "O": TensorProto.STRING}


def valid_outputs(labels: int) -> dict[str, NDArray[Any]]:
    """Return an answer that keeps the contract: the labels 2 and 3, "ET", on four frames."""
    return {
        "emission": np.zeros((1, 4, labels), np.float32),
        "emission_lengths": np.array([4], np.int64),
        "tokens": np.array([[2, 3]], np.int64),
        "token_lengths": np.array([2], np.int64),
        "token_starts": np.array([[0, 2]], np.int64),
        "token_ends": np.array([[1, 4]], np.int64),
        "token_scores": np.array([[0.5, 1]], np.float32),
        "transcript": np.array(["ET"], object),
    }


def constant_graph(outputs: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """Build a graph that takes the contract's inputs and gives these outputs, whatever it hears."""
    inputs = [
        helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["batch", "samples"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
    ]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name))
        for name, value in outputs.items()
    ]
    infos = [
        helper.make_tensor_value_info(name, _TYPES[value.dtype.kind], None)
        for name, value in outputs.items()
    ]
    graph = helper.make_graph(nodes, "constant", inputs, infos)
    opset = helper.make_opsetid("", 20)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9)
