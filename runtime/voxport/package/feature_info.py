"""What a manifest tells of features: how many layers, what was measured, a recording to check.

It stands apart from all that concerns transcripts, so that a package may have the one, the other
or both.
"""

from dataclasses import dataclass

from voxport.package.entries import FileEntry, read_entry
from voxport.package.json_fields import Fields
from voxport.package.measurement import Measurement, read_measurement


@dataclass(frozen=True)
class FeatureParity(Measurement):
    """A comparison of an artifact's features with those of the model that it was made from."""

    max_difference: float  # of any layer
    tolerance: float  # for that layer


@dataclass(frozen=True)
class GoldenFeatures(FileEntry):
    """A recording in the package, as a golden clip's, and every layer's output for it."""

    seconds: float
    frames: int
    values: FileEntry  # numpy file, float32 [layers, frames, width]


@dataclass(frozen=True)
class FeatureInfo:
    """The outputs of the transformer layers, which those artifacts give that list them."""

    layers: int
    width: int  # channels of each layer
    golden: GoldenFeatures
    parity: tuple[FeatureParity, ...] = ()  # at most one an artifact


def read_features(fields: Fields) -> FeatureInfo:
    """The object at ``features`` in a manifest."""
    return FeatureInfo(
        layers=fields.integer("layers", least=1),
        width=fields.integer("width", least=1),
        golden=_golden_features(fields.child("golden")),
        parity=tuple(map(_feature_parity, fields.children("parity"))),
    )


def _golden_features(fields: Fields) -> GoldenFeatures:
    return GoldenFeatures(
        **vars(read_entry(fields)),
        seconds=fields.number("seconds"),
        frames=fields.integer("frames"),
        values=read_entry(fields.child("values")),
    )


def _feature_parity(fields: Fields) -> FeatureParity:
    return FeatureParity(
        **vars(read_measurement(fields)),
        max_difference=fields.number("max_difference"),
        tolerance=fields.number("tolerance"),
    )
