"""Open an artifact that was just written with the runtime's own backends."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

import torch

from voxport.graph import Backend


@dataclass(frozen=True)
class Reloaded:
    """An artifact as the runtime runs it."""

    backend: Backend
    against: str  # what runs it, with its version


def reload(path: Path, kind: str) -> Reloaded:
    """Open ``path`` on the CPU as the runtime would."""
    if kind == "torchscript":
        from voxport.torchscript_backend import TorchScriptBackend

        return Reloaded(
            TorchScriptBackend(path, provider="cpu"), f"torch {_release(torch.__version__)}"
        )
    from voxport.onnx_backend import OnnxBackend, onnxruntime

    return Reloaded(OnnxBackend(path, provider="cpu"), f"onnxruntime {onnxruntime().__version__}")


def version(distribution: str) -> str:
    """The installed version of a distribution, without the build's label."""
    return _release(importlib.metadata.version(distribution))


def _release(text: str) -> str:
    return text.partition("+")[0]
