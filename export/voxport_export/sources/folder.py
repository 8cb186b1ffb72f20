"""voxport's own model folders, ``config.json`` and ``weights.safetensors``, as shipped models have.

``config.json`` holds::

    {
      "format": "voxport-weights", "version": 1,
      "name": "commands",
      "labels": ["-", "|", "E", …], "blank": 0, "word_delimiter": "|",
      "sample_rate": 16000, "normalize_waveform": false,
      "licence": "CC-BY-SA-4.0",
      "model": { the keyword arguments of torchaudio.models.wav2vec2_model }
    }

``weights.safetensors`` holds this model's state dict, float32, under torchaudio's names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torchaudio
from safetensors import SafetensorError
from safetensors.torch import load_file
from torchaudio.models import Wav2Vec2Model

from voxport.errors import ManifestError
from voxport.package.json_fields import Fields
from voxport_export.errors import SourceError
from voxport_export.graph.acoustic_model import AcousticModel
from voxport_export.sources.source import TORCHAUDIO_EPS, EagerReference, Source
from voxport_export.sources.unused_weights import check_weights

FORMAT = "voxport-weights"
VERSION = 1
PREFIX = "folder:"


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``; {} if there is none.

    Raises:
        SourceError: the file is not a JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(config, dict):
        raise SourceError(f"{path}: expected a JSON object, found {type(config).__name__}")
    return config


@dataclass(frozen=True)
class Config:
    """The fields of ``config.json`` beside format and version."""

    name: str
    licence: str
    vocabulary: str  # "" where it is not given
    labels: tuple[str, ...]
    blank: int
    word_delimiter: str | None
    sample_rate: int  # Hz
    normalize_eps: float | None
    model: dict[str, Any]  # keyword arguments of torchaudio.models.wav2vec2_model


def load_folder(folder: Path, origin: str | None = None, allow_unused: bool = False) -> Source:
    """Load a model from a folder in voxport's own format.

    Args:
        folder: holds ``config.json`` and ``weights.safetensors``.
        origin: the source in the manifest; by default the folder as given.
        allow_unused: leave out unused weights.

    Raises:
        SourceError: a file is missing or does not fit; the message names it.
    """
    path = folder / "config.json"
    config = _parse(path, read_config(folder))
    model = _build(path, config.model)
    unused = _load_weights(model, folder / "weights.safetensors", allow_unused)
    try:
        return Source(
            name=config.name,
            origin=origin or f"{PREFIX}{folder}",
            licence=config.licence,
            vocabulary=config.vocabulary,
            model=AcousticModel.from_torchaudio(model, config.normalize_eps),
            reference=EagerReference(model, config.normalize_eps),
            labels=config.labels,
            blank=config.blank,
            word_delimiter=config.word_delimiter,
            sample_rate=config.sample_rate,
            normalize_eps=config.normalize_eps,
            unused_weights=unused,
        )
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from error


def _parse(path: Path, document: dict[str, Any]) -> Config:
    for key, wanted in (("format", FORMAT), ("version", VERSION)):
        if document.get(key) != wanted:
            raise SourceError(f"{path}: expected {key} {wanted!r}, found {document.get(key)!r}")
    try:
        fields = Fields.from_value(document, "")
        return Config(
            name=fields.text("name"),
            licence=fields.text("licence"),
            vocabulary=fields.text("vocabulary") if "vocabulary" in document else "",
            labels=fields.texts("labels"),
            blank=fields.integer("blank"),
            word_delimiter=fields.optional_text("word_delimiter"),
            sample_rate=fields.integer("sample_rate", least=1),
            normalize_eps=TORCHAUDIO_EPS if fields.boolean("normalize_waveform") else None,
            model=dict(fields.child("model").data),
        )
    except ManifestError as error:
        raise SourceError(f"{path}: {error}") from error


def _build(path: Path, arguments: dict[str, Any]) -> Wav2Vec2Model:
    try:
        return torchaudio.models.wav2vec2_model(**arguments).eval()
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise SourceError(f"{path}: model: {error}") from error


def _load_weights(model: Wav2Vec2Model, path: Path, allow_unused: bool) -> tuple[str, ...]:
    """Load the weights; return the names of the unused ones, left out."""
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except SafetensorError as error:
        raise SourceError(f"{path}: not a safetensors file: {error}") from error
    known = model.state_dict().keys()
    unused = check_weights(str(path), known - weights.keys(), weights.keys() - known, allow_unused)
    try:
        model.load_state_dict({name: weights[name] for name in known if name in weights})
    except RuntimeError as error:
        raise SourceError(f"{path}: does not fit config.json: {error}") from error
    return unused
