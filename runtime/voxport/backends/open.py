"""The registry of backends: from an artifact of a package to its engine.

Each backend is imported when one of its artifacts is opened. No engine sees a file before its hash
is compared with the manifest's and, of ONNX, its operators with the exporter's; so are those of a
TorchScript file that nobody named.
"""

import mmap
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from voxport.backends import providers, tensorrt
from voxport.backends.checked_outputs import CheckedBackend
from voxport.backends.contract import Backend, ModelFile
from voxport.backends.onnx_inspection import refusal_reason
from voxport.errors import ArtifactUnavailableError, PackageError
from voxport.package.integrity import private_copies, read_file
from voxport.package.manifest import FP16, ONNX, TORCHSCRIPT, Artifact, ModelInfo

# A larger file is copied instead: engines that are given bytes hold them beside their own copy. For
# 403 MB of weights onnxruntime 1.31 then peaks at 1 200 MB, and at 504 MB when it maps a file.
_IN_MEMORY_BYTES = 64_000_000


class UnnamedError(ArtifactUnavailableError):
    """TorchScript of another author, which runs only where it is named."""


@dataclass(frozen=True)
class _Request:
    """An artifact to open, and the caller's choices."""

    file: ModelFile
    artifact: Artifact
    provider: str
    threads: int | None
    model: ModelInfo | None


@dataclass(frozen=True)
class _BackendKind:
    """An engine, and the artifacts and providers it serves."""

    artifact_kind: str
    provider: str | None  # None: every other one
    open: Callable[[_Request], Backend]
    reads_bytes: bool = True  # OpenVINO 2026.4 loses the inputs of a graph that is no file


def open_artifact(
    folder: Path,
    artifact: Artifact,
    provider: str = "auto",
    threads: int | None = None,
    model: ModelInfo | None = None,
    *,
    is_named: bool = True,
) -> Backend:
    """Check an artifact's files and open it in its backend.

    ``model`` gives the labels to engines without text of their own: OpenVINO, and GPUs.
    ``is_named``: the caller was asked for this kind of artifact. Other TorchScript is opened only
    if it holds nothing but what the exporter writes.
    """
    wanted = providers.full_name(provider)
    kind = next(
        kind
        for kind in _BACKENDS
        if kind.artifact_kind == artifact.kind and kind.provider in (None, wanted)
    )
    with _verified(folder, artifact, kind.reads_bytes) as file:
        if artifact.kind == ONNX:
            _inspect(file, artifact)
        elif artifact.kind == TORCHSCRIPT and not is_named:
            _inspect_torchscript(file)
        backend = kind.open(_Request(file, artifact, provider, threads, model))
    return backend if model is None else CheckedBackend(backend, artifact.path, model)


@contextmanager
def _verified(
    folder: Path, artifact: Artifact, reads_bytes: bool
) -> Generator[ModelFile, None, None]:
    """Yield the artifact's file as the hashed bytes, or a private copy of them."""
    path = folder / artifact.path
    if reads_bytes and artifact.bytes <= _IN_MEMORY_BYTES and not artifact.external_data:
        yield ModelFile(path, read_file(folder, artifact))
        return
    with private_copies(folder, artifact.files) as space:
        yield ModelFile(path, copy=space / artifact.path)


def _inspect(file: ModelFile, artifact: Artifact) -> None:
    external = [entry.path for entry in artifact.external_data]
    if file.content is not None:
        reason = refusal_reason(file.content, external)
    elif not artifact.bytes:  # an empty file cannot be mapped
        reason = refusal_reason(b"", external)
    else:
        with (
            file.source.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            reason = refusal_reason(content, external)
    if reason is not None:
        raise PackageError(reason, file.path)


def _inspect_torchscript(file: ModelFile) -> None:
    from voxport.backends import torchscript_inspection

    opened = file.source.open("rb") if file.content is None else BytesIO(file.content)
    with opened:
        reason = torchscript_inspection.refusal_reason(opened)
    if reason is not None:
        raise UnnamedError(
            f"{reason}; a TorchScript file is a program that can read and write your files, so one "
            "that holds more than voxport's exporter writes runs only where it is named: "
            "artifact='torchscript' (--artifact torchscript), if you trust its author",
            file.path,
        )


def _open_torchscript(request: _Request) -> Backend:
    from voxport.backends.torchscript import TorchScriptBackend

    return TorchScriptBackend(request.file, request.provider, request.threads)


def _open_openvino(request: _Request) -> Backend:
    from voxport.backends.openvino import OpenVinoBackend

    if request.model is None:
        raise TypeError("OpenVINO needs the model, whose labels make its transcripts")
    return OpenVinoBackend(request.file, request.model.pieces, request.threads)


def _open_onnxruntime(request: _Request) -> Backend:
    from voxport.backends.onnx import OnnxBackend

    return OnnxBackend(
        request.file,
        request.provider,
        request.threads,
        pieces=request.model.pieces if request.model else None,
        half=request.artifact.precision == FP16,
        engines=tensorrt.engine_folder(request.artifact.sha256),
    )


_BACKENDS = (  # the first that fits opens the artifact
    _BackendKind(TORCHSCRIPT, None, _open_torchscript),
    _BackendKind(ONNX, providers.OPENVINO, _open_openvino, reads_bytes=False),
    _BackendKind(ONNX, None, _open_onnxruntime),
)
