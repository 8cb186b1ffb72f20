"""The registry of engines: from an artifact's checked file to its backend.

Each backend is imported when one of its artifacts is opened. No engine sees an ONNX file before its
operators are compared with the exporter's; so are those of a TorchScript file that nobody named.
Knows no folder of a package and no hash.
"""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from voxport.backends import providers, tensorrt
from voxport.backends.checked_outputs import CheckedBackend
from voxport.backends.contract import Backend, ModelFile
from voxport.backends.onnx_inspection import refusal_reason
from voxport.errors import ArtifactUnavailableError, PackageError
from voxport.package.manifest import EXPORTED_PROGRAM, FP16, ONNX, TORCHSCRIPT, Artifact, ModelInfo


class UnnamedError(ArtifactUnavailableError):
    """A program of another author, which runs only where it is named."""


@dataclass(frozen=True)
class OpenRequest:
    """An artifact whose file was checked, and the caller's choices."""

    file: ModelFile
    artifact: Artifact
    provider: str = "auto"
    threads: int | None = None
    # Its labels are for engines without text of their own: OpenVINO, and GPUs.
    model: ModelInfo | None = None
    is_named: bool = True  # the caller was asked for this kind of artifact
    is_caching: bool = True  # an engine may keep files for its next start


def open_engine(request: OpenRequest) -> Backend:
    """Inspect a checked file and open it in its engine, outputs checked if the model is known."""
    if request.artifact.kind == ONNX:
        _inspect(request.file, request.artifact)
    elif request.artifact.kind == TORCHSCRIPT and not request.is_named:
        _inspect_torchscript(request.file)
    elif request.artifact.kind == EXPORTED_PROGRAM and not request.is_named:
        raise UnnamedError(
            "torch unpickles what it finds in an exported program, which can run code of its "
            "author, so one runs only where it is named: artifact='exported-program' "
            "(--artifact exported-program), if you trust its author",
            request.file.path,
        )
    backend = _choose(request.artifact, request.provider).open(request)
    if request.model is None:
        return backend
    return CheckedBackend(backend, request.artifact.path, request.model)


def reads_bytes(artifact: Artifact, provider: str) -> bool:
    """Tell whether the engine of an artifact takes its bytes; others take a file."""
    return _choose(artifact, provider).reads_bytes


@dataclass(frozen=True)
class _Engine:
    """An engine, and the artifacts and providers it serves."""

    artifact_kind: str
    provider: str | None  # None: every other one
    open: Callable[[OpenRequest], Backend]
    reads_bytes: bool = True  # OpenVINO 2026.4 loses the inputs of a graph that is no file


def _choose(artifact: Artifact, provider: str) -> _Engine:
    wanted = providers.full_name(provider)
    return next(
        engine
        for engine in _ENGINES
        if engine.artifact_kind == artifact.kind and engine.provider in (None, wanted)
    )


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


def _open_torchscript(request: OpenRequest) -> Backend:
    from voxport.backends.torchscript import TorchScriptBackend

    return TorchScriptBackend(request.file, request.provider, request.threads)


def _open_exported_program(request: OpenRequest) -> Backend:
    from voxport.backends.torchscript import ExportedProgramBackend

    return ExportedProgramBackend(request.file, request.provider, request.threads)


def _open_openvino(request: OpenRequest) -> Backend:
    from voxport.backends.openvino import OpenVinoBackend

    if request.model is None:
        raise TypeError("OpenVINO needs the model, whose labels make its transcripts")
    return OpenVinoBackend(request.file, request.model.pieces, request.threads)


def _open_onnxruntime(request: OpenRequest) -> Backend:
    from voxport.backends.onnx import OnnxBackend

    return OnnxBackend(
        request.file,
        request.provider,
        request.threads,
        pieces=request.model.pieces if request.model else None,
        half=request.artifact.precision == FP16,
        engines=tensorrt.engine_folder(request.artifact.sha256) if request.is_caching else None,
    )


_ENGINES = (  # the first that fits opens the artifact
    _Engine(TORCHSCRIPT, None, _open_torchscript),
    _Engine(EXPORTED_PROGRAM, None, _open_exported_program),
    _Engine(ONNX, providers.OPENVINO, _open_openvino, reads_bytes=False),
    _Engine(ONNX, None, _open_onnxruntime),
)
