"""The registry of backends: from an artifact of a package to the engine that runs it.

Each backend is imported when one of its artifacts is opened. Neither onnxruntime nor torch sees a
file before its hash is compared with the manifest's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voxport.backends import providers, tensorrt
from voxport.backends.contract import Backend
from voxport.package import integrity
from voxport.package.manifest import FP16, ONNX, TORCHSCRIPT, Artifact, ModelInfo


@dataclass(frozen=True)
class _Request:
    """An artifact to open, and the caller's choices."""

    path: Path
    artifact: Artifact
    provider: str
    threads: int | None
    model: ModelInfo | None


@dataclass(frozen=True)
class _BackendKind:
    """An engine, and the artifacts and providers that it serves."""

    artifact_kind: str
    provider: str | None  # None: every other one
    open: Callable[[_Request], Backend]


def open_artifact(
    folder: Path,
    artifact: Artifact,
    provider: str = "auto",
    threads: int | None = None,
    model: ModelInfo | None = None,
) -> Backend:
    """Check an artifact's files and open it in the backend that serves it.

    ``model`` gives the labels to engines without text of their own: OpenVINO, and GPUs.
    """
    path = folder / artifact.path
    for entry in artifact.files:
        integrity.check_file(folder, entry)
    request = _Request(path, artifact, provider, threads, model)
    wanted = providers.full_name(provider)
    kind = next(
        kind
        for kind in _BACKENDS
        if kind.artifact_kind == artifact.kind and kind.provider in (None, wanted)
    )
    return kind.open(request)


def _open_torchscript(request: _Request) -> Backend:
    from voxport.backends.torchscript import TorchScriptBackend

    return TorchScriptBackend(request.path, request.provider, request.threads)


def _open_openvino(request: _Request) -> Backend:
    from voxport.backends.openvino import OpenVinoBackend

    if request.model is None:
        raise TypeError("OpenVINO needs the model, whose labels make its transcripts")
    return OpenVinoBackend(request.path, request.model.pieces, request.threads)


def _open_onnxruntime(request: _Request) -> Backend:
    from voxport.backends.onnx import OnnxBackend

    return OnnxBackend(
        request.path,
        request.provider,
        request.threads,
        pieces=request.model.pieces if request.model else None,
        half=request.artifact.precision == FP16,
        engines=tensorrt.engine_folder(request.artifact.sha256),
    )


_BACKENDS = (  # the first that fits opens the artifact
    _BackendKind(TORCHSCRIPT, None, _open_torchscript),
    _BackendKind(ONNX, providers.OPENVINO, _open_openvino),
    _BackendKind(ONNX, None, _open_onnxruntime),
)
