"""Heads of transformers' models for tasks other than transcription, and their labels.

A class of transformers names its task by its ending. The heads are the same in every family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxport.package.manifest import SIGMOID, SOFTMAX
from voxport_export.errors import SourceError
from voxport_export.graph.heads import (
    ClassificationHead,
    EmbeddingHead,
    FrameClassificationHead,
    Head,
    LayerMix,
    TimeDelay,
)

_RECORDINGS, _FRAMES, _SPEAKERS = (
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
)
ENDINGS = (_RECORDINGS, _FRAMES, _SPEAKERS)  # of the classes with such a head

# The last hidden state of a model with `do_stable_layer_norm` is normalised in fairseq, in s3prl
# and in transformers up to 5.15; from this version on it is not. Only weighted sums of the layers
# see it.
_RAW_LAST_STATE_SINCE = (5, 16)


def build_head(model: Any, ending: str, *, ends_in_output: bool) -> Head:
    """Build the graph's head of an eager model of transformers; the weights are shared.

    Args:
        model: of a class with this ending.
        ending: one of ``ENDINGS``.
        ends_in_output: the last hidden state of a weighted sum is the encoder's output.
    """
    weights = None
    if model.config.use_weighted_layer_sum:
        weights = model.layer_weights.detach().softmax(dim=-1).tolist()
    mix = LayerMix(weights, ends_in_output=ends_in_output)
    if ending == _RECORDINGS:
        activation = SIGMOID if _problem_type(model) == "multi_label_classification" else SOFTMAX
        return ClassificationHead(mix, model.projector, model.classifier, activation)
    if ending == _FRAMES:
        is_single = _problem_type(model) == "single_label_classification"
        return FrameClassificationHead(mix, model.classifier, SOFTMAX if is_single else SIGMOID)
    tdnn = [TimeDelay(one.kernel, one.kernel_size, one.dilation) for one in model.tdnn]
    return EmbeddingHead(mix, model.projector, tdnn, model.feature_extractor)


def find_ending(settings: Mapping[str, Any]) -> str | None:
    """Return the ending of the class in ``config.json``; None for other tasks."""
    classes = settings.get("architectures") or [""]
    return next((ending for ending in ENDINGS if str(classes[0]).endswith(ending)), None)


def pools_frames(ending: str) -> bool:
    """Return True for classes with one answer for all frames."""
    return ending != _FRAMES


def check_settings(model_id: str, ending: str, settings: Mapping[str, Any]) -> None:
    """Refuse heads whose answer is no label.

    Raises:
        SourceError: the message says why.
    """
    kinds = ("single_label_classification", "multi_label_classification", None)
    kind = settings.get("problem_type")
    if ending == _SPEAKERS or kind in kinds:
        return
    reason = "the model predicts numbers, and no label" if kind == "regression" else "unknown"
    raise SourceError(
        f"{model_id}: problem_type {kind!r} is not supported ({reason}): expected "
        "single_label_classification or multi_label_classification"
    )


def read_labels(model_id: str, ending: str, settings: Mapping[str, Any], width: int) -> list[str]:
    """Read the labels of ``config.json`` in the order of the head's outputs.

    Args:
        model_id: names the checkpoint in messages.
        ending: of the model's class; an embedding has no labels.
        settings: ``config.json``.
        width: outputs of the head.

    Raises:
        SourceError: they do not fit the head.
    """
    if ending == _SPEAKERS:
        return []
    named = settings.get("id2label")
    if named is None:
        return [f"LABEL_{index}" for index in range(width)]  # transformers' default
    if not isinstance(named, dict):
        raise SourceError(f"{model_id}: config.json: id2label is {named!r}, expected an object")
    labels = [named.get(str(index)) for index in range(width)]
    if len(named) != width or not all(isinstance(label, str) and label for label in labels):
        absent = next((i for i, label in enumerate(labels) if not isinstance(label, str)), None)
        which = f", and none for output {absent}" if absent is not None else ""
        raise SourceError(
            f"{model_id}: config.json: id2label names {len(named)} labels{which}; the head has "
            f"{width} outputs, and each needs a label that is not empty"
        )
    if ending == _RECORDINGS and width == 1:
        raise SourceError(
            f"{model_id}: config.json: id2label names one label, so there is nothing to choose"
        )
    return [str(label) for label in labels]


def has_normalized_last_state(settings: Mapping[str, Any], installed: str) -> bool:
    """Return True if the weighted sum of a checkpoint ends in a normalised state.

    A checkpoint is taken as the transformers that wrote it ran it; ``installed`` is the version
    here, whose own answer is the reference.
    """
    written = str(settings.get("transformers_version") or "4")
    return min(_version(written), _version(installed)) < _RAW_LAST_STATE_SINCE


def _problem_type(model: Any) -> str | None:
    return getattr(model.config, "problem_type", None)


def _version(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version: (4, 9) of "4.9.0.dev0"."""
    numbers = [int(part) for part in text.split(".")[:2] if part.isdecimal()]
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0) if numbers else (4, 0)
