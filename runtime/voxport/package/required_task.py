"""Refusal of a package whose model has another task than the caller's."""

from pathlib import Path

from voxport.errors import ArtifactUnavailableError
from voxport.package.manifest import (
    CLASSIFICATION,
    EMBEDDING,
    FRAMES,
    TRANSCRIPTION,
    Manifest,
)

# What a package of each task gives, and the function and the command for it
_TASKS = {
    TRANSCRIPTION: ("text", "load", "transcribe"),
    CLASSIFICATION: ("labels of recordings", "load_classifier", "classify"),
    EMBEDDING: ("embeddings of speakers", "load_speaker_encoder", "embed"),
    FRAMES: ("labels of frames", "load_frame_classifier", "classify"),
    "features": ("features", "load_features", "plot --features"),
}


def require_transcripts(folder: Path, manifest: Manifest) -> None:
    """Refuse a package of features only, or of another task."""
    require_task(folder, manifest, TRANSCRIPTION)
    if not manifest.model.transcribes:
        raise ArtifactUnavailableError(
            "the model has no CTC head: it gives features and no text "
            "(voxport.load_features, voxport plot --features)",
            folder,
        )


def require_task(folder: Path, manifest: Manifest, task: str) -> None:
    """Refuse a package of another task; the message names the right function and command."""
    found = manifest.model.task
    if found == task:
        return
    if found == TRANSCRIPTION and not manifest.model.labels:
        found = "features"
    wanted, (gives, function, command) = _TASKS[task][0], _TASKS[found]
    raise ArtifactUnavailableError(
        f"the model gives no {wanted} but {gives} (voxport.{function}, voxport {command})", folder
    )
