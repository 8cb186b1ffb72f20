"""Sampling rate and normalisation of a Hugging Face checkpoint that hears a waveform.

``preprocessor_config.json`` states both. Without this file, as for the MMS aligners, the rate is 16
kHz and the normalisation follows from the model: those with layer normalisation in their
convolutions were trained on normalised waveforms, those with group normalisation on plain ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voxport_export.errors import SourceError
from voxport_export.sources.checkpoint import Checkpoint

WAVEFORM = "Wav2Vec2FeatureExtractor"
_FILES = ("preprocessor_config.json", "processor_config.json")  # transformers 5 writes the second
_RATE_HZ = 16_000  # of every published model of the family


@dataclass(frozen=True)
class HeardWaveform:
    """Sampling rate in Hz, and normalisation of the waveform."""

    sample_rate: int
    normalizes: bool


def read_extractor(
    checkpoint: Checkpoint,
    config: Mapping[str, Any],
    expected: str = WAVEFORM,
    normalize: bool | None = None,
) -> tuple[HeardWaveform, tuple[str, ...]]:
    """Read the feature extractor's file, or decide without it.

    Args:
        checkpoint: gives the file.
        config: ``config.json``.
        expected: class of the family's feature extractor.
        normalize: the caller's choice of normalisation, if any.

    Returns:
        The rate and normalisation, with a note for each fact that no file states.

    Raises:
        SourceError: a field makes no sense, or the model does not hear a plain waveform.
    """
    name, settings = _read_settings(checkpoint)
    if expected != WAVEFORM and normalize is not None:
        raise SourceError(
            f"{checkpoint.model_id}: {_option(normalize)} has no effect: {expected} hears no "
            "waveform"
        )
    if settings is None and expected != WAVEFORM:
        raise SourceError(
            f"{checkpoint.model_id}: there is no {_FILES[0]} in it, which states the settings of "
            f"{expected}"
        )
    if settings is None:
        return _decide(config, normalize)
    kind = settings.get("feature_extractor_type")
    if kind not in (expected, None):
        raise SourceError(
            f"{checkpoint.model_id}: {name}: feature_extractor_type {kind!r} is not supported "
            f"(only {expected!r}): the model does not hear a plain waveform"
        )
    rate = settings.get("sampling_rate", _RATE_HZ)  # transformers' default
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate == int(rate):
        raise SourceError(
            f"{checkpoint.model_id}: {name}: sampling_rate is {rate!r}, expected a number of Hz"
        )
    stated = settings.get("do_normalize", True)  # transformers' default
    if not isinstance(stated, bool):
        raise SourceError(
            f"{checkpoint.model_id}: {name}: do_normalize is {stated!r}, expected true or false"
        )
    if normalize is None or normalize == stated:
        return HeardWaveform(int(rate), stated), ()
    note = f"the waveform is {_in_words(normalize)}, by {_option(normalize)}; {name} says otherwise"
    return HeardWaveform(int(rate), normalize), (note,)


def build_extractor(checkpoint: Checkpoint, expected: str, heard: HeardWaveform) -> Any:
    """Build transformers' feature extractor, the front of the reference."""
    import transformers

    kind = getattr(transformers, expected)
    if expected == WAVEFORM:
        return kind(sampling_rate=heard.sample_rate, do_normalize=heard.normalizes)
    return kind.from_pretrained(checkpoint.model_id, trust_remote_code=False)


def _read_settings(checkpoint: Checkpoint) -> tuple[str, Mapping[str, Any] | None]:
    settings = checkpoint.read_json(_FILES[0])
    if settings is not None:
        return _FILES[0], settings
    settings = (checkpoint.read_json(_FILES[1]) or {}).get("feature_extractor")
    return _FILES[1], settings if isinstance(settings, dict) else None


def _decide(
    config: Mapping[str, Any], normalize: bool | None
) -> tuple[HeardWaveform, tuple[str, ...]]:
    norm = config.get("feat_extract_norm", "group")  # transformers' default
    normalizes = norm == "layer" if normalize is None else normalize
    reason = (
        f"as feat_extract_norm of config.json is {norm!r} (--normalize and --no-normalize decide)"
        if normalize is None
        else f"by {_option(normalizes)}"
    )
    note = (
        f"there is no {_FILES[0]}: the waveform is taken at {_RATE_HZ} Hz and "
        f"{_in_words(normalizes)}, {reason}"
    )
    return HeardWaveform(_RATE_HZ, normalizes), (note,)


def _in_words(normalizes: bool) -> str:
    return "normalised to mean 0 and variance 1" if normalizes else "not normalised"


def _option(normalize: bool) -> str:
    return "--normalize" if normalize else "--no-normalize"
