"""runtime/cpp: packages that are changed, damaged or made by a stranger, their hashes right."""

import dataclasses
import json
import os
import re
import shutil

import numpy as np
import onnx
import pytest
from onnx import helper

from benchmarks.hostile.constant_graph import constant_graph, valid_outputs
from support import data, strange_packages
from support.protobuf import BEYOND, field, hidden_locations
from voxport.package.integrity import file_entry


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rewrite(path, change):
    """Replace a file's content."""
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("spoil", "subject", "reason"),
    [
        (lambda p: flip(p / "model.onnx"), "/model.onnx", "expected sha256 "),
        (lambda p: rewrite(p / "model.onnx", lambda x: x[:-1]), "/model.onnx", " bytes, found "),
        (lambda p: (p / "model.onnx").unlink(), "/model.onnx", "it is missing"),
        (lambda p: (p / "manifest.json").unlink(), "", "not a voxport package"),
        (lambda p: shutil.rmtree(p), "", "there is no such folder"),
        (
            lambda p: rewrite(p / "manifest.json", lambda x: x.replace(b"16000", b"8000")),
            "/manifest.json",
            "changed since it was written",
        ),
        (lambda p: rewrite(p / "manifest.json", lambda x: x[:99]), "/manifest.json", "not JSON"),
        (lambda p: rewrite(p / "manifest.json", lambda _: b""), "/manifest.json", "not JSON"),
        (
            lambda p: rewrite(p / "manifest.json", lambda _: b"[" * 100_000),
            "/manifest.json",
            "not JSON",
        ),
        (lambda p: rewrite(p / "manifest.json", lambda _: b"{}"), "/manifest.json", "'format'"),
        (
            lambda p: rewrite(p / "manifest.json", lambda x: x.replace(b": 1,", b": 99,", 1)),
            "/manifest.json",
            "written by a later voxport",
        ),
    ],
)
def test_a_changed_package_is_refused(program, commands, tmp_path, spoil, subject, reason):
    package = tmp_path / "package"
    shutil.copytree(commands, package)
    spoil(package)
    result = program.run(package, data.SAMPLES / "yes.flac")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}{subject}: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def check_refusal(result, subject, reason):
    """Check that a program ended with one line about `subject`."""
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {subject}: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_artifact_that_is_not_a_graph_is_refused(program, tmp_path):
    package = strange_packages.copy_package(tmp_path)
    strange_packages.replace_graph(package, b"not a graph")
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "model.onnx", "is not an ONNX model")


BOUNDS = [
    ("sample_rate", 1, "from 1000 to 1000000"),
    ("sample_rate", 2**31, "from 1000 to 1000000"),
    ("sample_rate", 2**64 - 1, "from 1000 to 1000000"),
    ("frame_stride", 0, "from 1 to 1048576"),
    ("frame_stride", 2**40, "from 1 to 1048576"),
    ("receptive_field", 2**31, "from 1 to 1048576"),
    ("receptive_field", -1, "from 1 to 1048576"),
]


@pytest.mark.parametrize(("field", "value", "reason"), BOUNDS)
def test_numbers_of_a_manifest_are_bounded(program, tmp_path, field, value, reason):
    package = strange_packages.copy_package(tmp_path)
    strange_packages.edit_manifest(package, lambda x: x["model"].update({field: value}))
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "manifest.json", f"'{field}' must be a whole number {reason}")


def make_fifo(path):
    """Put a pipe in the place of a file."""
    path.unlink()
    os.mkfifo(path)


def make_device(path):
    """Put a link to a device without end in the place of a file."""
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
@pytest.mark.parametrize("change", [make_fifo, make_device])
def test_only_regular_files_are_opened(program, tmp_path, name, change):
    package = strange_packages.copy_package(tmp_path)
    change(package / name)
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / name, "is not a regular file")


def test_a_huge_manifest_is_not_read(program, tmp_path):
    package = strange_packages.copy_package(tmp_path)
    with (package / "manifest.json").open("r+b") as file:
        file.truncate(1 << 30)
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "manifest.json", "at most 4000000 are read")


# Graphs that ask for more than the exporter writes


def test_a_graph_of_constants_is_run(program, tmp_path):
    """The next tests change one thing of it."""
    package = strange_packages.copy_package(tmp_path)
    graph = constant_graph(valid_outputs(29))
    strange_packages.replace_graph(package, graph.SerializeToString())
    result = program.run(package, data.SAMPLES / "yes.flac")
    assert (result.stdout, result.stderr) == ("ET\n", "")


def in_a_subgraph(graph, node):
    """Put `node` into a branch of an If."""
    branch = helper.make_graph([node], "branch", [], [])
    condition = helper.make_node("If", ["c"], ["o"], then_branch=branch, else_branch=branch)
    graph.graph.node.append(condition)


STRANGE_NODE = helper.make_node("Inverse", ["waveform"], ["x"], domain="com.microsoft")


def take_weights_of(location):
    """Return a change that makes a graph take a tensor from the file at `location`."""

    def change(graph):
        tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=str(location))
        graph.graph.initializer.append(tensor)

    return change


GRAPHS = {
    "operator": (lambda graph: graph.graph.node.append(STRANGE_NODE), "'com.microsoft' (Inverse)"),
    "subgraph": (lambda graph: in_a_subgraph(graph, STRANGE_NODE), "'com.microsoft' (Inverse)"),
    "unknown operator": (
        lambda graph: graph.graph.node.append(helper.make_node("Celu", ["waveform"], ["x"])),
        "'Celu', which the exporter does not write",
    ),
    "sparse": (
        lambda graph: graph.graph.sparse_initializer.append(onnx.SparseTensorProto(dims=[1])),
        "holds sparse weights",
    ),
    "training": (lambda graph: graph.training_info.add(), "holds functions or training parts"),
    "opset": (
        lambda graph: graph.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3)),
        "'ai.onnx.ml'",
    ),
    "function": (
        lambda graph: graph.functions.add(name="f", domain="d"),
        "holds functions or training parts",
    ),
    "unlisted": (take_weights_of("model.int8.onnx"), "'model.int8.onnx', which the manifest"),
    "parent": (take_weights_of("../secret"), "'../secret', which the manifest does not list"),
    "absolute": (take_weights_of("/etc/passwd"), "'/etc/passwd', which the manifest"),
    "memory": (take_weights_of("*/_ORT_MEM_ADDR_/*"), "which the manifest does not list"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_that_asks_for_more_is_refused(program, tmp_path, name):
    change, reason = GRAPHS[name]
    package = strange_packages.copy_package(tmp_path)
    graph = constant_graph(valid_outputs(29))
    change(graph)
    strange_packages.replace_graph(package, graph.SerializeToString())
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "model.onnx", reason)


HIDDEN = {
    "field": (field(7 + BEYOND, field(1, STRANGE_NODE.SerializeToString())), "do not parse"),
    **{
        name: (field(7, field(5, tensor)), "'hidden', which the manifest")
        for name, tensor in hidden_locations().items()
    },
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_only_other_parsers_would_see_is_refused(program, tmp_path, name):
    more, reason = HIDDEN[name]
    package = strange_packages.copy_package(tmp_path)
    content = constant_graph(valid_outputs(29)).SerializeToString() + more
    strange_packages.replace_graph(package, content, {"weights": bytes(8)})
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "model.onnx", reason)


@pytest.mark.parametrize("path", ["cpp/src/package/onnx_protobuf.cpp", "web/src/onnx-protobuf.ts"])
def test_operators_are_those_of_the_python_runtime(path):
    inspection = pytest.importorskip("voxport.backends.onnx_inspection")
    source = (data.ROOT / "runtime" / path).read_text()
    block = re.search(r"(?:kOperators = \{|OPERATORS = new Set\()(.*?)(?:\};|trim)", source, re.S)
    assert block is not None
    assert set(re.findall(r"\w+", block[1])) == inspection.OPERATORS


def test_the_engines_own_format_is_refused(program, tmp_path):
    """onnxruntime loads it from such bytes, and a look at protobuf would see nothing."""
    package = strange_packages.copy_package(tmp_path)
    strange_packages.replace_graph(package, b"\x10\0\0\0ORTM" + bytes(100))
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "model.onnx", "ONNX Runtime's own format")


def test_weights_beside_the_graph_come_from_the_bytes_that_were_hashed(program, tmp_path):
    outputs = valid_outputs(29)
    graph = constant_graph(outputs)
    graph.graph.node.remove(next(n for n in graph.graph.node if n.output[0] == "token_scores"))
    tensor = onnx.TensorProto(name="token_scores", data_type=onnx.TensorProto.FLOAT, dims=[1, 2])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.data")
    graph.graph.initializer.append(tensor)
    package = strange_packages.copy_package(tmp_path)
    weights = np.array([0.25, 0.75], np.float32).tobytes()
    strange_packages.replace_graph(package, graph.SerializeToString(), {"weights.data": weights})
    result = program.run("--json", package, data.SAMPLES / "yes.flac")
    assert [token["score"] for token in json.loads(result.stdout)["tokens"]] == [0.25, 0.75]
    flip(package / "weights.data")
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "weights.data", "expected sha256 ")


# Answers that break the contract


def test_more_frames_than_the_recording_has_are_not_believed(program, tmp_path):
    """Each time would be wrong: a frame of 65 s begins at the end of a recording of one."""
    package = strange_packages.copy_package(tmp_path)
    strange_packages.edit_manifest(package, lambda x: x["model"].update(frame_stride=2**20))
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, data.SAMPLES / "yes.flac", "and the recording has at most 1;")


def test_a_number_of_a_million_digits_is_not_repeated(program, tmp_path):
    package = strange_packages.copy_package(tmp_path)
    (package / "manifest.json").write_text('{"format": ' + "9" * 10**6 + "}")
    result = program.run(package, data.SAMPLES / "yes.flac")
    check_refusal(result, package / "manifest.json", "not JSON: ")
    assert len(result.stderr) < 1000


def test_marks_of_direction_in_a_name_are_not_printed(program, commands, tmp_path):
    result = program.run(commands, tmp_path / "talk\u202egnp.wav")
    assert (result.returncode, "\u202e" in result.stderr) == (1, False)
    assert "talk?gnp.wav: there is no such file" in result.stderr


FLOAT, INT = np.float32, np.int64
ANSWERS = {
    "label": {"tokens": np.array([[2, 29]], INT)},
    "negative label": {"tokens": np.array([[2, -1]], INT)},
    "count": {"token_lengths": np.array([3], INT)},
    "negative count": {"token_lengths": np.array([-1], INT)},
    "frames": {"emission_lengths": np.array([5], INT)},
    "negative frames": {"emission_lengths": np.array([-4], INT)},
    "end": {"token_ends": np.array([[1, 5]], INT)},
    "huge end": {"token_ends": np.array([[1, 2**62]], INT)},
    "order": {"token_starts": np.array([[2, 0]], INT)},
    "negative start": {"token_starts": np.array([[-1, 2]], INT)},
    "score": {"token_scores": np.array([[0.5, 2]], FLOAT)},
    "score that is no number": {"token_scores": np.array([[np.nan, 1]], FLOAT)},
    "emission that is no number": {"emission": np.full((1, 4, 29), np.nan, FLOAT)},
    "labels": {"emission": np.zeros((1, 4, 28), FLOAT)},
    "rows": {"tokens": np.zeros((2, 2), INT)},
    "no row": {"transcript": np.array([], object)},
    "no rows": {"emission_lengths": np.array([], INT)},
    "rank": {"token_scores": np.array([0.5, 1], FLOAT)},
    "type": {"tokens": np.array([[2, 3]], FLOAT)},
    "text": {"transcript": np.array(["OTHER"], object)},
    "width": {"token_starts": np.array([[0]], INT)},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_breaks_the_contract_is_not_believed(program, tmp_path, name):
    package = strange_packages.copy_package(tmp_path)
    graph = constant_graph({**valid_outputs(29), **ANSWERS[name]})
    strange_packages.replace_graph(package, graph.SerializeToString())
    path = data.SAMPLES / "yes.flac"
    check_refusal(program.run(package, path), path, "export the package again")


# LibTorch


@pytest.mark.slow
def test_torchscript_runs_only_where_it_is_named(torch_program, exported):
    result = torch_program.run(exported, data.SAMPLES / "yes.flac")
    check_refusal(result, exported, "runs the package's own code and so only where it is named")


@pytest.mark.slow
def test_bad_packages_on_libtorch(torch_program, exported, tmp_path):
    package, good = tmp_path / "text", data.SAMPLES / "yes.flac"
    shutil.copytree(exported, package)
    (package / "model.ts").write_text("not a graph")
    entry = dataclasses.asdict(file_entry(package / "model.ts"))

    def change(document):
        artifact = next(one for one in document["artifacts"] if one["path"] == "model.ts")
        artifact.update(entry)

    strange_packages.edit_manifest(package, change)
    result = torch_program.run("--artifact", "torchscript", package, good)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}/model.ts: LibTorch ")

    package = tmp_path / "flipped"
    shutil.copytree(exported, package)
    flip(package / "model.ts")
    result = torch_program.run("--artifact", "torchscript", package, good)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {package}/model.ts: ")
    assert "expected sha256 " in result.stderr
