"""Open an artifact that was just written with the runtime's own backends."""

from __future__ import annotations

from pathlib import Path

from voxport.graph import Backend


def reload(path: Path, kind: str) -> Backend:
    """Open ``path`` on the CPU as the runtime would."""
    if kind == "onnx":
        from voxport.onnx_backend import OnnxBackend

        return OnnxBackend(path, provider="cpu")
    from voxport.torchscript_backend import TorchScriptBackend

    return TorchScriptBackend(path, provider="cpu")
