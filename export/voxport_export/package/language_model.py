"""A checkpoint's language model in a package: two files, and its settings in the manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

from voxport.package.integrity import file_entry
from voxport.package.manifest import LanguageModelInfo
from voxport_export.sources.language_model import CheckpointLanguageModel

_MODEL, _WORDS = "language-model", "unigrams.txt"


def write_language_model(
    found: CheckpointLanguageModel, folder: Path, licence: str
) -> LanguageModelInfo:
    """Copy the files into ``folder`` and describe them; ``licence`` is the checkpoint's."""
    model, words = folder / f"{_MODEL}{found.ending}", folder / _WORDS
    shutil.copyfile(found.model, model)
    shutil.copyfile(found.unigrams, words)
    return LanguageModelInfo(
        model=file_entry(model),
        unigrams=file_entry(words),
        labels=found.labels,
        alpha=found.alpha,
        beta=found.beta,
        unknown_score_offset=found.unknown_score_offset,
        score_boundary=found.score_boundary,
        licence=licence,
    )
