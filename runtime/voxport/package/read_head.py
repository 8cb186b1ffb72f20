"""Parsing of a manifest's ``head``, of models whose task is not transcription, and its checks."""

from voxport.errors import ManifestError
from voxport.package.json_fields import Fields
from voxport.package.manifest import (
    ACTIVATIONS,
    EMBEDDING,
    FRAMES,
    NO_ACTIVATION,
    TRANSCRIPTION,
    Artifact,
    GoldenAnswer,
    HeadInfo,
    HeadParity,
    Manifest,
)
from voxport.package.read_entries import read_entry, read_measurement

_MAX_WIDTH = 1_000_000  # published models have up to 4 017 labels
_MAX_LEAST_SAMPLES = 1 << 24
_MAX_FRAMES = 10_000_000


def read_head(fields: Fields) -> HeadInfo:
    """Read the field ``head``."""
    return HeadInfo(
        activation=fields.one_of("activation", ACTIVATIONS),
        width=fields.integer("width", 1, _MAX_WIDTH),
        least_samples=fields.integer("least_samples", 1, _MAX_LEAST_SAMPLES),
        golden=tuple(map(_golden, fields.children("golden"))),
        parity=tuple(map(_parity, fields.children("parity"))),
    )


def check_head(manifest: Manifest) -> None:
    """Refuse a head that does not fit the model's task or its labels.

    Raises:
        ManifestError: the message names the field.
    """
    model, head = manifest.model, manifest.head
    if (model.task == TRANSCRIPTION) != (head is None):
        raise ManifestError(
            f"model.task is {model.task!r}, and there is {'no' if head is None else 'a'} head"
        )
    if head is None:
        return
    is_embedding = model.task == EMBEDDING
    if is_embedding == bool(model.labels):
        raise ManifestError(f"model.task is {model.task!r} with {len(model.labels)} labels")
    if is_embedding != (head.activation == NO_ACTIVATION):
        raise ManifestError(f"head.activation is {head.activation!r} of the task {model.task!r}")
    if not is_embedding and head.width != len(model.labels):
        raise ManifestError(f"head.width is {head.width} of {len(model.labels)} labels")
    for artifact in manifest.artifacts:
        _check_width(artifact, head.width)
    for clip in head.golden:
        if (model.task == FRAMES) != (clip.frames > 0):
            raise ManifestError(f"the golden answer {clip.path!r} has {clip.frames} frames")
        if clip.label is not None and clip.label not in model.labels:
            raise ManifestError(f"the golden label {clip.label!r} is not a label")


def _check_width(artifact: Artifact, width: int) -> None:
    """Refuse answers of another width: a label would be named by an index past the labels."""
    for output in artifact.outputs:
        if output.name in ("logits", "scores", "embedding") and output.shape[-1:] != (width,):
            raise ManifestError(
                f"{artifact.path} gives {output.name} of {list(output.shape)}, "
                f"and head.width is {width}"
            )


def _golden(fields: Fields) -> GoldenAnswer:
    return GoldenAnswer(
        **vars(read_entry(fields)),
        seconds=fields.number("seconds"),
        label=fields.optional_text("label"),
        values=read_entry(fields.child("values")),
        frames=fields.integer("frames", 0, _MAX_FRAMES),
    )


def _parity(fields: Fields) -> HeadParity:
    return HeadParity(
        **vars(read_measurement(fields)),
        max_difference=fields.number("max_difference"),
        tolerance=fields.number("tolerance"),
        equal_labels=fields.number("equal_labels"),
    )
