"""The swap race: another process exchanges a file between its check and the engine's read of it.

The exchange comes at the seam, when the last byte was hashed and no engine has begun, so the order
is the same in every run. Without the protection each of these answers with the other file.
"""

import shutil
from contextlib import contextmanager

import numpy as np
import onnx
import pytest
from onnx import external_data_helper

import voxport
from benchmarks.hostile.constant_graph import constant_graph, valid_outputs
from support import data
from support.strange_packages import copy_package, replace_graph
from voxport.backends import open as opening
from voxport.package.find import find_package
from voxport.package.read_manifest import read_manifest

LABELS = len(read_manifest(find_package("commands")).model.labels)
YES = data.SAMPLES / "yes.flac"


def graph(level: float, external: str | None = None) -> onnx.ModelProto:
    """Build a graph with an emission of `level` everywhere, out of a file if one is named."""
    outputs = valid_outputs(LABELS)
    weights = np.full_like(outputs["emission"], level)
    del outputs["emission"]
    model = constant_graph(outputs)
    tensor = onnx.numpy_helper.from_array(weights, "weights")
    model.graph.initializer.append(tensor)
    model.graph.node.append(onnx.helper.make_node("Identity", ["weights"], ["emission"]))
    info = onnx.helper.make_tensor_value_info("emission", onnx.TensorProto.FLOAT, None)
    model.graph.output.append(info)
    if external:
        external_data_helper.set_external_data(model.graph.initializer[0], external)
        model.graph.initializer[0].ClearField("raw_data")
    return model


@pytest.fixture(params=["onnxruntime", "isolated"])
def load(request):
    def load(package, provider="cpu"):
        return voxport.load(package, provider, isolate=request.param == "isolated")

    return load


@pytest.fixture
def swap(monkeypatch):
    """Return a function to exchange files, once, when they were checked and not yet opened."""

    def swap(files) -> list[str]:
        done: list[str] = []
        checked = opening._verified

        @contextmanager
        def verified(*arguments):
            with checked(*arguments) as file:
                for path, content in files.items():
                    path.unlink()
                    path.write_bytes(content)
                    done.append(path.name)
                yield file

        monkeypatch.setattr(opening, "_verified", verified)
        return done

    return swap


@pytest.fixture(params=["in memory", "copied"])
def way(request, monkeypatch):
    if request.param == "copied":  # as files over 64 MB are
        monkeypatch.setattr(opening, "_IN_MEMORY_BYTES", 0)


def test_a_graph_that_is_exchanged_after_its_check_is_not_run(load, swap, way, tmp_path):
    package = copy_package(tmp_path)
    replace_graph(package, graph(1).SerializeToString())
    done = swap({package / "model.onnx": graph(2).SerializeToString()})
    assert load(package).emission(YES).max() == 1
    assert done == ["model.onnx"]


def test_weights_that_are_exchanged_after_their_check_are_not_run(load, swap, tmp_path):
    package = copy_package(tmp_path)
    weights = [np.full((1, 4, LABELS), level, np.float32).tobytes() for level in (1, 2)]
    model = graph(1, "weights.bin").SerializeToString()
    replace_graph(package, model, {"weights.bin": weights[0]})
    done = swap({package / "weights.bin": weights[1], package / "model.onnx": model})
    recognizer = load(package)
    assert recognizer.emission(YES).max() == 1
    assert done == ["weights.bin", "model.onnx"]


def test_weights_are_not_read_again_when_a_model_runs(load, tmp_path):
    package = copy_package(tmp_path)
    weights = [np.full((1, 4, LABELS), level, np.float32).tobytes() for level in (1, 2)]
    replace_graph(package, graph(1, "weights.bin").SerializeToString(), {"weights.bin": weights[0]})
    recognizer = load(package)
    with (package / "weights.bin").open("r+b") as file:  # in place: a mapping would see it
        file.write(weights[1])
    assert recognizer.emission(YES).max() == 1


def test_openvino_runs_the_checked_file(swap, tmp_path):
    pytest.importorskip("openvino")
    package = copy_package(tmp_path)
    other = graph(1).SerializeToString()
    done = swap({package / "model.onnx": other})
    assert voxport.load(package, "openvino").transcribe(YES).text == "YES"
    assert done == ["model.onnx"]


def test_torchscript_runs_the_checked_file(swap, exported, tmp_path):
    package = shutil.copytree(exported, tmp_path / "package")
    expected = voxport.load(exported, "cpu", "torchscript").emission(YES)
    done = swap({package / "model.ts": b"another program"})
    found = voxport.load(package, "cpu", "torchscript").emission(YES)
    assert np.abs(found - expected).max() < 1e-4
    assert done == ["model.ts"]
