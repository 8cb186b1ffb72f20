"""Packages of strangers: copies of the shipped one with another manifest or graph, hashes right."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from voxport.package.find import find_package

_UNSIGNED = "0" * 64
_TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "O": TensorProto.STRING}


def copy_package(folder: Path) -> Path:
    """Copy the shipped package into `folder`/package."""
    return Path(shutil.copytree(find_package("commands"), folder / "package"))


def edit_manifest(package: Path, change: Callable[[Any], object]) -> None:
    """Apply `change` to the manifest's document and sign it again."""
    path = package / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    text = json.dumps({**document, "sha256": _UNSIGNED}, allow_nan=False)
    signed = text.replace(_UNSIGNED, hashlib.sha256(text.encode()).hexdigest())
    path.write_text(signed, encoding="utf-8")


def replace_graph(
    package: Path, content: bytes, weights: Mapping[str, bytes] | None = None
) -> None:
    """Make `content` the package's only artifact, with `weights` listed beside it."""
    weights = weights or {}
    (package / "model.onnx").write_bytes(content)
    for name, data in weights.items():
        (package / name).write_bytes(data)

    def change(document: Any) -> None:
        artifact = next(one for one in document["artifacts"] if one["path"] == "model.onnx")
        artifact.update(_entry("model.onnx", content))
        artifact["external_data"] = [_entry(name, data) for name, data in weights.items()]
        document["artifacts"] = [artifact]
        document.pop("gates", None)

    edit_manifest(package, change)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {
        "path": name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


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
