"""Concats of many tensors."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
ir = pytest.importorskip("onnx_ir")

from onnx import TensorProto, helper  # noqa: E402

from voxport_export.to_onnx.split_concats import MAX_INPUTS, split_concats  # noqa: E402


def concat_sizes(graph):
    """Yield the number of inputs of each Concat, the bodies of loops included."""
    for node in graph.node:
        if node.op_type == "Concat":
            yield len(node.input)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from concat_sizes(attribute.g)


def make_concat(count):
    """Return the names of ``count`` inputs and a graph that joins them along axis 1."""
    names = [f"x{i}" for i in range(count)]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 2]) for n in names]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2 * count])
    graph = helper.make_graph(
        [helper.make_node("Concat", names, ["y"], axis=1)], "concats", values, [result]
    )
    opset = helper.make_opsetid("", 20)
    return names, helper.make_model(graph, opset_imports=[opset], ir_version=9)


@pytest.mark.parametrize("count", [2, MAX_INPUTS, MAX_INPUTS + 1, 30])
def test_split_concats_give_the_same_result(count):
    names, whole = make_concat(count)
    model = ir.serde.deserialize_model(whole)
    split_concats(model)
    split = ir.serde.serialize_model(model)
    onnx.checker.check_model(split, full_check=True)
    assert max(concat_sizes(split.graph)) <= MAX_INPUTS
    rng = np.random.default_rng(0)
    feed = {name: rng.standard_normal((3, 2), np.float32) for name in names}
    (result,) = onnxruntime.InferenceSession(split.SerializeToString()).run(None, feed)
    np.testing.assert_array_equal(result, np.concatenate(list(feed.values()), axis=1))


def test_no_concat_of_an_exported_graph_has_more_than_seven_inputs(exported):
    assert max(concat_sizes(onnx.load(exported / "model.onnx").graph)) <= MAX_INPUTS
