"""Removal of an output: only the operators of that output alone go, the rest stays equal."""

from collections import Counter

import numpy as np
import pytest

from voxport.backends.contract import OUTPUTS
from voxport.backends.onnx_protobuf import without_output

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def model(exported):
    return (exported / "model.onnx").read_bytes()


def operators(graph):
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            yield from operators(attribute.g)


def test_removing_the_transcript_removes_its_string_operators(model):
    pruned = onnx.load_from_string(without_output(model, "transcript"))
    onnx.checker.check_model(pruned, full_check=True)
    assert [output.name for output in pruned.graph.output] == list(OUTPUTS[:-1])
    whole = onnx.load_from_string(model)
    before, after = (Counter(operators(one.graph)) for one in (whole, pruned))
    gone = set(before) - set(after)
    assert "StringConcat" in gone
    assert before["Loop"] - after["Loop"] == 1  # those of attention stay
    assert not gone & {"MatMul", "Scan", "ArgMax", "ScatterElements"}
    assert list(pruned.graph.initializer) == list(whole.graph.initializer)


def test_all_outputs_but_one_are_removed(model):
    for name in OUTPUTS[1:]:
        model = without_output(model, name)
    pruned = onnx.load_from_string(model)
    onnx.checker.check_model(pruned, full_check=True)
    assert "ScatterElements" not in list(operators(pruned.graph))
    assert "Softmax" in list(operators(pruned.graph))


def test_an_unknown_output_changes_nothing(model):
    assert without_output(model, "nothing") == model


@pytest.mark.parametrize("content", [b"nonsense", b"\x3a\x05ab", b"\x3a", b"\xff"])
def test_bytes_that_are_no_model_are_refused(content):
    with pytest.raises(ValueError, match=r"field|number"):
        without_output(content, "transcript")


def test_values_used_only_inside_a_loop_are_kept():
    """`twice` feeds nothing but the loop's body and the output that is taken out."""
    helper, tensor = onnx.helper, onnx.TensorProto
    values = {name: helper.make_tensor_value_info(name, tensor.FLOAT, [2]) for name in "xyst"}
    condition = [helper.make_tensor_value_info(name, tensor.BOOL, []) for name in ("go", "on")]
    step = helper.make_tensor_value_info("step", tensor.INT64, [])
    nodes = [
        helper.make_node("Identity", ["go"], ["on"]),
        helper.make_node("Add", ["s", "twice"], ["t"]),
    ]
    body = helper.make_graph(
        nodes, "body", [step, condition[0], values["s"]], [condition[1], values["t"]]
    )
    other = helper.make_tensor_value_info("other", tensor.FLOAT, [2])
    nodes = [
        helper.make_node("Add", ["x", "x"], ["twice"]),
        helper.make_node("Neg", ["twice"], ["other"]),
        helper.make_node("Constant", [], ["times"], value_int=3),
        helper.make_node("Loop", ["times", "", "x"], ["y"], body=body),
    ]
    graph = helper.make_graph(nodes, "graph", [values["x"]], [values["y"], other])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    pruned = without_output(model.SerializeToString(), "other")
    assert "Neg" not in list(operators(onnx.load_from_string(pruned).graph))
    session = onnxruntime.InferenceSession(pruned, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.array([1, 2], np.float32)})[0].tolist() == [7, 14]
