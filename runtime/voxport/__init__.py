"""voxport: Wav2Vec2-family speech recognition as one file: waveform in, transcript out.

    import voxport

    recognizer = voxport.load("commands")
    print(recognizer.transcribe("speech.flac").text)

Names are imported when they are first used, so that ``import voxport`` is quick and loads neither
numpy, onnxruntime nor soundfile; torch is never needed but for TorchScript artifacts. Errors are in
``voxport.errors``; ``except voxport.VoxportError`` catches them all.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voxport.alignment.forced_alignment import forced_align
    from voxport.alignment.text_aligner import AlignedTranscript
    from voxport.audio.recording import AudioInput
    from voxport.decoding.beam_search import BeamSearch
    from voxport.errors import VoxportError
    from voxport.feature_extractor import FeatureExtractor
    from voxport.loading import load, load_classifier, load_features
    from voxport.recognizer import Outcome, Recognizer
    from voxport.results.folder import transcribe_folder
    from voxport.streaming import StreamingRecognizer
    from voxport.transcript.formats import to_json, to_srt, to_tsv, to_vtt
    from voxport.transcript.transcript import Token, Transcript, Word
    from voxport.verification.verify import verify

__version__ = "0.1.0"  # the only place: pyproject.toml reads it here

__all__ = [
    "load",
    "load_features",
    "load_classifier",
    "transcribe_folder",
    "verify",
    "forced_align",
    "StreamingRecognizer",
    "to_srt",
    "to_vtt",
    "to_tsv",
    "to_json",
    "Recognizer",
    "FeatureExtractor",
    "BeamSearch",
    "AudioInput",
    "Outcome",
    "Transcript",
    "AlignedTranscript",
    "Word",
    "Token",
    "VoxportError",
    "__version__",
]

_MODULES = {
    "load": "loading",
    "load_features": "loading",
    "load_classifier": "loading",
    "transcribe_folder": "results.folder",
    "verify": "verification.verify",
    "forced_align": "alignment.forced_alignment",
    "StreamingRecognizer": "streaming",
    "to_srt": "transcript.formats",
    "to_vtt": "transcript.formats",
    "to_tsv": "transcript.formats",
    "to_json": "transcript.formats",
    "Recognizer": "recognizer",
    "FeatureExtractor": "feature_extractor",
    "BeamSearch": "decoding.beam_search",
    "AudioInput": "audio.recording",
    "Outcome": "recognizer",
    "Transcript": "transcript.transcript",
    "AlignedTranscript": "alignment.text_aligner",
    "Word": "transcript.transcript",
    "Token": "transcript.transcript",
    "VoxportError": "errors",
}


# Reachable too, and not listed: what only some models need
_UNLISTED = {
    "load_speaker_encoder": "loading",
    "load_frame_classifier": "loading",
    "cosine_similarity": "tasks.speaker_encoder",
    "SpeakerEncoder": "tasks.speaker_encoder",
    "Classifier": "tasks.classifier",
    "Classification": "tasks.classifier",
    "FrameClassifier": "tasks.frame_classifier",
}


def __getattr__(name: str) -> Any:
    """Import a public name; every error of ``voxport.errors`` is reachable here too, unlisted."""
    place = _MODULES.get(name) or _UNLISTED.get(name)
    if place is None and not name.endswith("Error"):
        raise AttributeError(f"module 'voxport' has no attribute {name!r}")
    module = importlib.import_module(f"voxport.{place or 'errors'}")
    try:
        return getattr(module, name)
    except AttributeError:
        raise AttributeError(f"module 'voxport' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(__all__)
