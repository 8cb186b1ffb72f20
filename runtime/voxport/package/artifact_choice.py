"""Choice of a package's artifacts by kind and precision."""

from collections.abc import Sequence
from pathlib import Path

from voxport.errors import ArtifactUnavailableError, InputError
from voxport.package.manifest import FP32, KINDS, ONNX, Artifact, Manifest


def choose_artifact(
    folder: Path, manifest: Manifest, kind: str | None = None, precision: str | None = None
) -> Artifact:
    """Choose the artifact of a kind and precision; of several, ONNX and then fp32 come first."""
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown artifact {kind!r}: expected {' or '.join(KINDS)}")
    kinds, precisions = ([] if name is None else [name] for name in (kind, precision))
    fitting = fitting_artifacts(folder, manifest, kinds, precisions)
    return min(fitting, key=lambda item: (item.kind != ONNX, item.precision != FP32))


def fitting_artifacts(
    folder: Path, manifest: Manifest, kinds: Sequence[str], precisions: Sequence[str]
) -> list[Artifact]:
    """List the artifacts of these kinds and precisions, in the manifest's order.

    Args:
        folder: the package's, for the message.
        manifest: lists the artifacts.
        kinds: none: every kind.
        precisions: none: every precision.

    Raises:
        ArtifactUnavailableError: there is none; the message lists the others.
    """
    fitting = [
        item
        for item in manifest.artifacts
        if item.kind in (kinds or (item.kind,))
        and item.precision in (precisions or (item.precision,))
    ]
    if not fitting:
        wanted = (" or ".join(map(str, names)) for names in (precisions, kinds))
        raise unavailable_error(folder, manifest, *wanted)
    return fitting


def unavailable_error(
    folder: Path, manifest: Manifest, *wanted: str | None
) -> ArtifactUnavailableError:
    """Describe a missing artifact by the precision or kind wanted, and list the available ones."""
    missing = " ".join([*(str(part) for part in wanted if part), "artifact"])
    listed = ", ".join(f"{item.precision} {item.kind}" for item in manifest.artifacts)
    return ArtifactUnavailableError(
        f"holds no {missing}, only: {listed or 'none'}; `voxport export` writes others", folder
    )
