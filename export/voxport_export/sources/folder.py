"""A local folder of ``config.json`` and ``weights.safetensors``: the format of shipped models.

``config.json`` holds::

    {
      "format": "voxport-weights", "version": 1,
      "name": "commands",
      "labels": ["-", "|", "E", …], "blank": 0, "word_delimiter": "|",
      "sample_rate": 16000, "normalize_waveform": false,
      "licence": "CC-BY-SA-4.0",
      "model": { the keyword arguments of torchaudio.models.wav2vec2_model }
    }

``weights.safetensors`` holds that model's state dict, float32, under torchaudio's names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torchaudio
from safetensors import SafetensorError
from safetensors.torch import load_file
from torchaudio.models import Wav2Vec2Model

from voxport_export.errors import SourceError
from voxport_export.source import TORCHAUDIO_EPS, EagerReference, Source

FORMAT = "voxport-weights"
VERSION = 1
PREFIX = "folder:"


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``; {} where there is none.

    Raises:
        SourceError: the file is not a JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(config, dict):
        raise SourceError(f"{path}: expected a JSON object, found {type(config).__name__}")
    return config


def load_folder(folder: Path, origin: str | None = None) -> Source:
    """Load a model from a folder in voxport's own format.

    Args:
        folder: holds ``config.json`` and ``weights.safetensors``.
        origin: how the manifest names the source; the folder as given by default.

    Raises:
        SourceError: a file is missing or does not fit; the message names it.
    """
    config = read_config(folder)
    path = folder / "config.json"
    if config.get("format") != FORMAT:
        raise SourceError(f'{path}: expected "format": "{FORMAT}", found {config.get("format")!r}')
    if config.get("version") != VERSION:
        raise SourceError(f"{path}: expected version {VERSION}, found {config.get('version')!r}")
    try:
        model = _build(folder, config["model"])
        return Source(
            name=str(config["name"]),
            origin=origin or f"{PREFIX}{folder}",
            licence=str(config["licence"]),
            model=model,
            reference=EagerReference(
                model, eps := TORCHAUDIO_EPS if config["normalize_waveform"] else None
            ),
            labels=tuple(config["labels"]),
            blank=int(config["blank"]),
            word_delimiter=config["word_delimiter"],
            sample_rate=int(config["sample_rate"]),
            normalize_eps=eps,
        )
    except KeyError as error:
        raise SourceError(f"{path}: the field {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from error


def _build(folder: Path, arguments: dict[str, Any]) -> Wav2Vec2Model:
    model = torchaudio.models.wav2vec2_model(**arguments).eval()
    path = folder / "weights.safetensors"
    try:
        model.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise SourceError(f"{path}: not a safetensors file: {error}") from error
    except RuntimeError as error:
        raise SourceError(f"{path}: does not fit config.json: {error}") from error
    return model
