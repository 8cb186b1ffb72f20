"""From a package to something that runs: find it, choose an artifact, check its hash, open it.

The order matters: neither onnxruntime nor torch sees a file before its hash is the manifest's.
"""

import math
import os
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from voxport.backends import providers
from voxport.backends.contract import Backend
from voxport.decoding.beam_search import BeamSearch
from voxport.errors import ArtifactUnavailableError, InputError, MissingDependencyError
from voxport.feature_extractor import FeatureExtractor
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.long_recordings import WHOLE_SECONDS, WINDOW_SECONDS
from voxport.machine.cache_folder import cache_folder
from voxport.machine.threads import MOST_THREADS
from voxport.package import find, integrity
from voxport.package.manifest import (
    FP16,
    FP32,
    KINDS,
    ONNX,
    TORCHSCRIPT,
    Artifact,
    Manifest,
    ModelInfo,
    read_manifest,
)
from voxport.recognizer import Recognizer

_LEAST_WINDOW = 5.0  # seconds: with less, a word hardly fits into the context


def load(
    package: str | os.PathLike[str],
    provider: str = "auto",
    artifact: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    whole_seconds: float = WHOLE_SECONDS,
    window_seconds: float = WINDOW_SECONDS,
    decoder: BeamSearch | None = None,
) -> Recognizer:
    """A recognizer for a package.

    `package`: a folder, or the name of a shipped model. `provider`: "auto" (CUDA where onnxruntime
    has it and a GPU is there, else the CPU), "cpu", "cuda", ... `artifact`: "onnx" or
    "torchscript"; without it ONNX if the package has it. `precision`: "fp32", ...; without it fp32
    if the package has it. `threads`: for one operator on the CPU; without it the backend's own
    choice. `batch_seconds`: the most seconds of audio, padding included, that run together.
    `whole_seconds`: a recording of at most this runs at once, for which time grows with the square
    of its length, and so does memory in TorchScript, float16 and WavLM (`math.inf`: every one). A
    longer one, or one for which there is too little memory, runs in windows of at most
    `window_seconds`, context on both sides included. `decoder`: a ``voxport.BeamSearch``; without
    it the graph's own greedy decoder.
    """
    if not isinstance(whole_seconds, Real) or not whole_seconds >= 0:
        raise InputError(f"whole_seconds must be at least 0, got {whole_seconds!r}")
    if not isinstance(window_seconds, Real) or not _LEAST_WINDOW <= window_seconds < math.inf:
        raise InputError(
            f"window_seconds must be finite and at least {_LEAST_WINDOW:g}, got {window_seconds!r}"
        )
    given: Any = decoder
    if given is not None and not isinstance(given, BeamSearch):
        raise InputError(f"decoder must be a voxport.BeamSearch, got {given!r}")
    folder, manifest = _read(package, threads, batch_seconds)
    check_transcribes(folder, manifest)
    chosen = choose_artifact(folder, manifest, artifact, precision)
    backend = _open(folder, manifest, chosen, provider, threads)
    return Recognizer(
        manifest,
        chosen,
        backend,
        batch_seconds=batch_seconds,
        whole_seconds=whole_seconds,
        window_seconds=window_seconds,
        decoder=decoder,
    )


def load_features(
    package: str | os.PathLike[str],
    provider: str = "auto",
    artifact: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
) -> FeatureExtractor:
    """A feature extractor for a package that was exported with ``--features``.

    Arguments are those of ``load``.
    """
    folder, manifest = _read(package, threads, batch_seconds)
    able = replace(manifest, artifacts=tuple(item for item in manifest.artifacts if item.features))
    if not able.artifacts:
        raise ArtifactUnavailableError(
            "gives no features; `voxport export MODEL --features` writes packages that do", folder
        )
    chosen = choose_artifact(folder, able, artifact, precision)
    backend = _open(folder, able, chosen, provider, threads)
    return FeatureExtractor(manifest, chosen, backend, batch_seconds=batch_seconds)


def check_transcribes(folder: Path, manifest: Manifest) -> None:
    """Refuse a package that has features only."""
    if not manifest.model.transcribes:
        raise ArtifactUnavailableError(
            "the model has no CTC head: it gives features and no text "
            "(voxport.load_features, voxport plot --features)",
            folder,
        )


def _read(
    package: str | os.PathLike[str], threads: int | None, batch_seconds: float
) -> tuple[Path, Manifest]:
    """The package's folder and manifest, once the other arguments are found to make sense."""
    if threads is not None and not (isinstance(threads, Integral) and 1 <= threads <= MOST_THREADS):
        raise InputError(f"threads must be a whole number of 1 to {MOST_THREADS}, got {threads!r}")
    if not isinstance(batch_seconds, Real) or not 0 < batch_seconds < math.inf:
        raise InputError(f"batch_seconds must be finite and more than 0, got {batch_seconds!r}")
    folder = find.find(package)
    return folder, read_manifest(folder)


def _open(
    folder: Path, manifest: Manifest, chosen: Artifact, provider: str, threads: int | None
) -> Backend:
    """The backend; where it needs what is missing, another artifact is named that does without."""
    try:
        return open_artifact(folder, chosen, provider, threads, manifest.model)
    except MissingDependencyError as error:
        if chosen.kind == ONNX or ONNX not in (item.kind for item in manifest.artifacts):
            raise
        advice = "or use artifact='onnx' (--artifact onnx), which does without"
        raise MissingDependencyError(f"{error}, {advice}") from error


def choose_artifact(
    folder: Path, manifest: Manifest, kind: str | None = None, precision: str | None = None
) -> Artifact:
    """The artifact that is meant; where the request leaves several, ONNX and fp32 come first."""
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown artifact {kind!r}: expected {' or '.join(KINDS)}")
    fitting = [
        item
        for item in manifest.artifacts
        if kind in (None, item.kind) and precision in (None, item.precision)
    ]
    if not fitting:
        raise unavailable(folder, manifest, precision, kind)
    return min(fitting, key=lambda item: (KINDS.index(item.kind), item.precision != FP32))


def unavailable(folder: Path, manifest: Manifest, *wanted: str | None) -> ArtifactUnavailableError:
    """That there is no artifact of a precision or kind, and which there are."""
    missing = " ".join([*(str(part) for part in wanted if part), "artifact"])
    listed = ", ".join(f"{item.precision} {item.kind}" for item in manifest.artifacts)
    return ArtifactUnavailableError(
        f"holds no {missing}, only: {listed or 'none'}; `voxport export` writes others", folder
    )


def open_artifact(
    folder: Path,
    artifact: Artifact,
    provider: str = "auto",
    threads: int | None = None,
    model: ModelInfo | None = None,
) -> Backend:
    """The backend that runs `artifact`, its files checked first.

    `model` is for engines without text of their own, as OpenVINO is, and GPUs.
    """
    path = integrity.check(folder, artifact)
    for entry in artifact.external_data:
        integrity.check(folder, entry)
    if artifact.kind == TORCHSCRIPT:
        from voxport.backends.torchscript import TorchScriptBackend

        return TorchScriptBackend(path, provider, threads)
    if model is not None and providers.full_name(provider) == providers.OPENVINO:
        from voxport.backends.openvino import OpenVinoBackend

        return OpenVinoBackend(path, model.pieces, threads)
    from voxport.backends.onnx import OnnxBackend

    is_tensorrt = providers.full_name(provider) == providers.TENSORRT
    return OnnxBackend(
        path,
        provider,
        threads,
        pieces=model.pieces if model else None,
        half=artifact.precision == FP16,
        engines=cache_folder("tensorrt", artifact.sha256) if is_tensorrt else None,
    )
