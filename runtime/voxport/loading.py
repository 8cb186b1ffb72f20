"""``load`` and its siblings: from a package to a recognizer, a classifier or a feature extractor.

The package is found, one of its artifacts is chosen, its files are checked and an engine opens it.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from voxport.backends.contract import Backend
from voxport.backends.isolation import Isolation, as_isolation
from voxport.backends.open import open_artifact
from voxport.backends.providers import Provider
from voxport.decoding.beam_search import BeamSearch
from voxport.decoding.package_language_model import (
    PackageLanguageModel,
    read_package_language_model,
)
from voxport.errors import ArtifactUnavailableError, InputError, MissingDependencyError
from voxport.feature_extractor import FeatureExtractor
from voxport.inference.batches import BATCH_SECONDS
from voxport.inference.long_recordings import WHOLE_SECONDS, WINDOW_SECONDS
from voxport.machine.threads import MOST_THREADS
from voxport.package.artifact_choice import choose_artifact
from voxport.package.find import find_package
from voxport.package.languages import choose_language
from voxport.package.manifest import (
    CLASSIFICATION,
    EMBEDDING,
    FRAMES,
    ONNX,
    Artifact,
    ArtifactKind,
    Manifest,
    Precision,
)
from voxport.package.read_manifest import read_manifest
from voxport.package.required_task import require_task, require_transcripts
from voxport.recognizer import Recognizer
from voxport.signing.signature import read_signed_manifest
from voxport.signing.trust import TrustInput, as_trusted
from voxport.tasks.classifier import Classifier
from voxport.tasks.frame_classifier import FrameClassifier
from voxport.tasks.speaker_encoder import SpeakerEncoder
from voxport.tasks.whole_recordings import LONGEST_SECONDS

_Loaded = TypeVar("_Loaded")

_MIN_WINDOW_S = 5.0  # with less, a word hardly fits into the context


def load(
    package: str | os.PathLike[str],
    provider: Provider | str = "auto",
    artifact: ArtifactKind | str | None = None,
    precision: Precision | str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    whole_seconds: float = WHOLE_SECONDS,
    window_seconds: float = WINDOW_SECONDS,
    decoder: BeamSearch | None = None,
    isolate: bool | Isolation = False,
    language: str | None = None,
    trusted: TrustInput | None = None,
) -> Recognizer:
    """Load a recognizer from a package.

    Args:
        package: a folder, the name of a shipped model, or ``owner/name`` on the Hugging Face Hub,
            ``owner/name@revision`` too (``hf:`` in front where a folder has that name). Of a
            package there, the files of the chosen artifact are fetched, into the Hub's cache.
        provider: the execution provider; "auto" is CUDA if onnxruntime has it and there is a GPU,
            else the CPU. onnxruntime's own names ("CUDAExecutionProvider") are understood too.
        artifact: "onnx", "torchscript" or "exported-program" (which runs only where it is named);
            None: ONNX if there. A TorchScript file is a program
            that can read and write any file of yours as soon as it is loaded. Unnamed, it runs only
            if it holds nothing but what the exporter writes; name it for packages whose author you
            trust.
        precision: "fp32", "int8" or "fp16"; None: fp32 if the package has it.
        threads: for one operator on the CPU, 1 to 256; None: the backend's own choice.
        batch_seconds: the limit of audio that runs together, in seconds with padding.
        whole_seconds: a recording of at most this many seconds runs at once. Time then grows with
            the square of its length, and so does memory in TorchScript, float16 and WavLM.
            ``math.inf``: every recording. A longer one, or one too large for the memory, runs
            in windows.
        window_seconds: the length of a window, at least 5 s, context on both sides included.
        decoder: a ``voxport.BeamSearch``, with the package's language model where it has one; None:
            the graph's own greedy decoder.
        isolate: run the artifact in a process of its own, with limits of time and memory, for
            packages whose author you do not know. An ``Isolation`` sets other limits.
        language: of a package with several ("fra", as its checkpoint calls it); None: its default.
        trusted: the public key or root certificate (a PEM file) of a trusted signer, a
            ``voxport.signing.trust.TrustedIdentity``, or several. A package signed by none of them,
            or with another file than was signed, is refused before anything of it is opened. None:
            packages need no signature.

    Returns:
        A recognizer. Several threads may use it at once.

    Raises:
        InputError: an argument makes no sense.
        UnknownModelError: a name that is neither a folder nor a shipped model.
        HubError: the Hub does not give the package: gated, no network.
        PackageError: the package is broken, or a file is not the one its manifest records.
        SignatureError: it is signed by nobody trusted, or its files are not the signed ones.
        ArtifactUnavailableError: there is no such artifact in it, the model has no CTC head, or
            its only artifact is another author's TorchScript, which is not named.
        ProviderUnavailableError: the provider cannot run here; never a quiet fall back to the CPU.
        MissingDependencyError: the engine is not installed; the message holds the command.
        InferenceError: the engine does not load the file.

    Examples:
        >>> import voxport
        >>> recognizer = voxport.load("commands", provider="cpu")
        >>> recognizer.artifact.path
        'model.onnx'
    """
    if not isinstance(whole_seconds, Real) or not whole_seconds >= 0:
        raise InputError(f"whole_seconds must be at least 0, got {whole_seconds!r}")
    if not isinstance(window_seconds, Real) or not _MIN_WINDOW_S <= window_seconds < math.inf:
        raise InputError(
            f"window_seconds must be finite and at least {_MIN_WINDOW_S:g}, got {window_seconds!r}"
        )
    given: Any = decoder
    if given is not None and not isinstance(given, BeamSearch):
        raise InputError(f"decoder must be a voxport.BeamSearch, got {given!r}")
    choices = _Choices(provider, artifact, precision, threads, batch_seconds, isolate, trusted)
    folder, manifest = choices.read(package)
    manifest = choose_language(folder, manifest, language)
    require_transcripts(folder, manifest)
    chosen = choose_artifact(folder, manifest, artifact, precision)
    language_model = _read_language_model(folder, manifest, decoder)
    return Recognizer(
        manifest,
        chosen,
        choices.open(folder, manifest, chosen),
        batch_seconds=batch_seconds,
        whole_seconds=whole_seconds,
        window_seconds=window_seconds,
        decoder=decoder,
        language_model=language_model,
    )


def load_features(
    package: str | os.PathLike[str],
    provider: Provider | str = "auto",
    artifact: ArtifactKind | str | None = None,
    precision: Precision | str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    isolate: bool | Isolation = False,
    trusted: TrustInput | None = None,
) -> FeatureExtractor:
    """Load a feature extractor from a package exported with ``--features``.

    Args:
        package: as in ``load``, as are all others.
        provider: the execution provider.
        artifact: "onnx", "torchscript" or "exported-program"; None: ONNX if there, else
            TorchScript, as in ``load``.
        precision: "fp32", "int8" or "fp16"; None: fp32 if it gives features.
        threads: for one operator on the CPU, 1 to 256.
        batch_seconds: the limit of audio that runs together, in seconds with padding.
        isolate: run the artifact in a process of its own, with limits of time and memory.
        trusted: signers, as in ``load``.

    Returns:
        A feature extractor. The model need not have a CTC head.

    Raises:
        ArtifactUnavailableError: the package gives no features.
        VoxportError: all other errors of ``load``.

    Examples:
        >>> import voxport
        >>> voxport.load_features("commands")
        Traceback (most recent call last):
            ...
        voxport.errors.ArtifactUnavailableError: ...gives no features; ...
    """
    choices = _Choices(provider, artifact, precision, threads, batch_seconds, isolate, trusted)
    folder, manifest = choices.read(package)
    able = replace(manifest, artifacts=tuple(item for item in manifest.artifacts if item.features))
    if not able.artifacts:
        raise ArtifactUnavailableError(
            "gives no features; `voxport export MODEL --features` writes packages that do", folder
        )
    chosen = choose_artifact(folder, able, artifact, precision)
    backend = choices.open(folder, able, chosen)
    return FeatureExtractor(manifest, chosen, backend, batch_seconds=batch_seconds)


def load_classifier(
    package: str | os.PathLike[str],
    provider: Provider | str = "auto",
    artifact: ArtifactKind | str | None = None,
    precision: Precision | str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
    isolate: bool | Isolation = False,
    trusted: TrustInput | None = None,
) -> Classifier:
    """Load a classifier of recordings from a package.

    Args:
        package: as in ``load``, as are all others but ``longest_seconds``.
        provider: the execution provider.
        artifact: "onnx" or "torchscript"; None: ONNX if there.
        precision: "fp32", or another that the package has.
        threads: for one operator on the CPU, 1 to 256.
        batch_seconds: the limit of audio that runs together, in seconds with padding.
        longest_seconds: a longer recording is refused. Time and memory grow with the square of a
            recording's length; ``math.inf``: no limit.
        isolate: as in ``load``.
        trusted: signers, as in ``load``.

    Returns:
        A classifier. Several threads may use it at once.

    Raises:
        ArtifactUnavailableError: the model has another task; the message names its function.
        VoxportError: all other errors of ``load``.

    Examples:
        >>> import voxport
        >>> voxport.load_classifier("commands")
        Traceback (most recent call last):
            ...
        voxport.errors.ArtifactUnavailableError: ...but text (voxport.load, ...
    """
    choices = _Choices(provider, artifact, precision, threads, batch_seconds, isolate, trusted)
    return _load_task(Classifier, CLASSIFICATION, package, choices, longest_seconds)


def load_speaker_encoder(
    package: str | os.PathLike[str],
    provider: Provider | str = "auto",
    artifact: ArtifactKind | str | None = None,
    precision: Precision | str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
    isolate: bool | Isolation = False,
    trusted: TrustInput | None = None,
) -> SpeakerEncoder:
    """Load an encoder of speakers from a package.

    Arguments and errors are those of ``load_classifier``.

    Returns:
        An encoder. Several threads may use it at once.
    """
    choices = _Choices(provider, artifact, precision, threads, batch_seconds, isolate, trusted)
    return _load_task(SpeakerEncoder, EMBEDDING, package, choices, longest_seconds)


def load_frame_classifier(
    package: str | os.PathLike[str],
    provider: Provider | str = "auto",
    artifact: ArtifactKind | str | None = None,
    precision: Precision | str | None = None,
    threads: int | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
    isolate: bool | Isolation = False,
    trusted: TrustInput | None = None,
) -> FrameClassifier:
    """Load a classifier of frames from a package.

    Arguments and errors are those of ``load_classifier``.

    Returns:
        A classifier. Several threads may use it at once.
    """
    choices = _Choices(provider, artifact, precision, threads, batch_seconds, isolate, trusted)
    return _load_task(FrameClassifier, FRAMES, package, choices, longest_seconds)


@dataclass(frozen=True)
class _Choices:
    """The arguments of every function here, as ``load`` describes them."""

    provider: str
    artifact: str | None
    precision: str | None
    threads: int | None
    batch_seconds: float
    isolate: bool | Isolation
    trusted: TrustInput | None

    def read(self, package: str | os.PathLike[str]) -> tuple[Path, Manifest]:
        """Return the package's folder and manifest after checking the other arguments.

        The signature, if one is asked for, is checked first, and the manifest read is the signed
        one.
        """
        threads, seconds = self.threads, self.batch_seconds
        if threads is not None and not (
            isinstance(threads, Integral) and 1 <= threads <= MOST_THREADS
        ):
            raise InputError(
                f"threads must be a whole number of 1 to {MOST_THREADS}, got {threads!r}"
            )
        if not isinstance(seconds, Real) or not 0 < seconds < math.inf:
            raise InputError(f"batch_seconds must be finite and more than 0, got {seconds!r}")
        signers = None if self.trusted is None else as_trusted(self.trusted)
        folder = find_package(package)
        if signers is None:
            return folder, read_manifest(folder)
        return folder, read_signed_manifest(folder, signers)

    def open(self, folder: Path, manifest: Manifest, chosen: Artifact) -> Backend:
        """Open an artifact; if its engine is missing, the error names ONNX as the alternative."""
        limits = as_isolation(self.isolate)
        try:
            return open_artifact(
                folder,
                chosen,
                self.provider,
                self.threads,
                manifest.model,
                is_named=self.artifact is not None,
                isolation=limits,
            )
        except MissingDependencyError as error:
            if chosen.kind == ONNX or ONNX not in (item.kind for item in manifest.artifacts):
                raise
            advice = "or use artifact='onnx' (--artifact onnx), which does without"
            raise MissingDependencyError(f"{error}, {advice}") from error


def _load_task(
    make: Callable[..., _Loaded],
    task: str,
    package: str | os.PathLike[str],
    choices: _Choices,
    longest_seconds: float,
) -> _Loaded:
    """Open the chosen artifact of a package of this task."""
    if not isinstance(longest_seconds, Real) or not longest_seconds > 0:
        raise InputError(f"longest_seconds must be more than 0, got {longest_seconds!r}")
    folder, manifest = choices.read(package)
    require_task(folder, manifest, task)
    chosen = choose_artifact(folder, manifest, choices.artifact, choices.precision)
    return make(
        manifest,
        chosen,
        choices.open(folder, manifest, chosen),
        batch_seconds=choices.batch_seconds,
        longest_seconds=float(longest_seconds),
    )


def _read_language_model(
    folder: Path, manifest: Manifest, decoder: BeamSearch | None
) -> PackageLanguageModel | None:
    """Read the package's language model, if there is one and the search uses it."""
    info = manifest.language_model
    if info is None or decoder is None or not decoder.uses_package:
        return None
    return read_package_language_model(folder, info, manifest.model)
