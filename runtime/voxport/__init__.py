"""voxport: Wav2Vec2-family speech recognition as one file: waveform in, transcript out.

    import voxport

    recognizer = voxport.load("commands")
    print(recognizer.transcribe("speech.flac").text)

Names are imported when they are first used, so that ``import voxport`` is quick and loads neither
onnxruntime nor soundfile; torch is never needed but for TorchScript artifacts.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voxport.alignment.text_aligner import AlignedTranscript
    from voxport.decoding.beam_search import BeamSearch
    from voxport.errors import (
        AlignmentError,
        ArtifactUnavailableError,
        AudioError,
        AudioFileError,
        AudioNotFoundError,
        InferenceError,
        InputError,
        IntegrityError,
        LaterVersionError,
        ManifestError,
        MissingDependencyError,
        OutputError,
        PackageError,
        PackageNotFoundError,
        ProviderUnavailableError,
        UnknownModelError,
        VerificationError,
        VoxportError,
    )
    from voxport.feature_extractor import FeatureExtractor
    from voxport.loading import load, load_features
    from voxport.recognizer import Outcome, Recognizer
    from voxport.transcript.transcript import Token, Transcript, Word

__version__ = "0.1.0"

__all__ = [
    "load",
    "load_features",
    "FeatureExtractor",
    "Recognizer",
    "BeamSearch",
    "Outcome",
    "Transcript",
    "AlignedTranscript",
    "Word",
    "Token",
    "VoxportError",
    "AlignmentError",
    "ArtifactUnavailableError",
    "AudioError",
    "AudioFileError",
    "AudioNotFoundError",
    "InferenceError",
    "InputError",
    "IntegrityError",
    "LaterVersionError",
    "ManifestError",
    "MissingDependencyError",
    "OutputError",
    "PackageError",
    "PackageNotFoundError",
    "ProviderUnavailableError",
    "UnknownModelError",
    "VerificationError",
    "__version__",
]

_HOMES = {
    "load": "loading",
    "load_features": "loading",
    "FeatureExtractor": "features",
    "Recognizer": "recognizer",
    "BeamSearch": "decoding",
    "Outcome": "recognizer",
    "Transcript": "transcript",
    "AlignedTranscript": "aligner",
    "Word": "transcript",
    "Token": "transcript",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'voxport' has no attribute {name!r}")
    module = importlib.import_module(f"voxport.{_HOMES.get(name, 'errors')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
