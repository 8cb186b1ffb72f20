"""Files that no engine may see, and the operators of every export that it may."""

import pytest

from support import data
from support.protobuf import BEYOND, field, hidden_locations
from voxport.backends.onnx_inspection import OPERATORS, refusal_reason

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
PACKAGE = data.ROOT / "runtime/voxport/packages/commands"


def model(*nodes, initializers=(), domain="", functions=(), sparse=()) -> bytes:
    value = helper.make_tensor_value_info("x", FLOAT, [2, 3])
    graph = helper.make_graph(nodes, "graph", [value], [value], initializers)
    graph.sparse_initializer.extend(sparse)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(domain, 1)]
    made = helper.make_model(graph, opset_imports=opsets[: 2 if domain else 1], ir_version=9)
    made.functions.extend(functions)
    return made.SerializeToString()


def external(location: str | None) -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=[2])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    if location is not None:
        tensor.external_data.add(key="location", value=location)
    return tensor


def nested(depth: int):
    """Return an If whose branch holds an If, and so on."""
    node = helper.make_node("Identity", ["x"], ["y"])
    for _ in range(depth):
        node = helper.make_node(
            "If", ["c"], ["y"], then_branch=helper.make_graph([node], "g", [], [])
        )
    return node


INVERSE = helper.make_node("Inverse", ["x"], ["y"], domain="com.microsoft")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (model(INVERSE, domain="com.microsoft"), "the domain 'com.microsoft': only standard ONNX"),
        (model(INVERSE), "uses operators of the domain 'com.microsoft'"),
        (model(helper.make_node("Det", ["x"], ["y"])), "the operator 'Det', which the exporter"),
        (model(nested(3)), None),
        (model(nested(20)), "nests its graphs more than 16 deep"),
        (model(initializers=[external("/etc/passwd")]), "weights in '/etc/passwd', which the man"),
        (model(initializers=[external("../w")]), "has weights in '../w'"),
        (model(initializers=[external("_ORT_MEM_ADDR_")]), "has weights in '_ORT_MEM_ADDR_'"),
        (model(initializers=[external("weights")]), None),
        (model(initializers=[external(None)]), "weights elsewhere and does not name their file"),
        (
            model(helper.make_node("Constant", [], ["y"], value=external("beside"))),
            "has weights in 'beside'",
        ),
        (model(sparse=[onnx.SparseTensorProto()]), "holds sparse weights"),
        (
            model(functions=[helper.make_function("f", "F", [], [], [], [])]),
            "holds functions or training parts",
        ),
        (b"", "is no ONNX file: it holds 0 graphs"),
        (b"nonsense", "is no ONNX file: "),
        (model()[:-3], "is no ONNX file: "),
    ],
)
def test_a_file_is_refused_for_anything_that_the_exporter_does_not_write(content, reason):
    found = refusal_reason(content, ["weights"])
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize("number", [7, 8, 20, 25])
def test_a_field_that_only_parsers_of_32_bits_see_is_refused(number):
    """onnxruntime merges such a second graph with the first."""
    content = model() + field(number + BEYOND, model(INVERSE))
    assert "a field with the key" in refusal_reason(content)


@pytest.mark.parametrize("name", hidden_locations())
def test_weights_with_two_places_are_refused(name):
    content = model() + field(7, field(5, hidden_locations()[name]))
    assert "has weights in 'hidden'" in refusal_reason(content, ["weights"])


def test_onnxruntimes_own_format_is_refused():
    """onnxruntime takes bytes with this mark for it, whatever else they are."""
    content = b"\x0a\x06\0\0ORTM" + model()
    assert "in onnxruntime's own format" in refusal_reason(content)


@pytest.mark.parametrize("content", [b"\xff" * 3_000_000, b"\x7a\0" * 3_000_000])
def test_millions_of_parts_are_refused_in_seconds(content):
    assert "is no ONNX file: " in refusal_reason(content)


def test_a_custom_operator_inside_a_branch_is_found():
    branch = helper.make_graph([INVERSE], "branch", [], [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch)
    assert "com.microsoft" in refusal_reason(model(node))


def operators(graph) -> set[str]:
    found = set()
    for node in graph.node:
        found.add(node.op_type)
        for attribute in node.attribute:
            found |= operators(attribute.g)
    return found


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_the_shipped_package_stays_within_the_operators(name):
    content = (PACKAGE / name).read_bytes()
    assert refusal_reason(content) is None
    assert operators(onnx.load_from_string(content).graph) <= OPERATORS


def test_exports_stay_within_the_operators(exported, with_features):
    """Other families and fp16 are checked as they are exported: each export opens its own files."""
    for folder in (exported, with_features):
        assert refusal_reason((folder / "model.onnx").read_bytes()) is None
