"""Packages of strangers: copies of the shipped one with another manifest or graph, hashes right."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from voxport.package.find import find_package

_UNSIGNED = "0" * 64


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
