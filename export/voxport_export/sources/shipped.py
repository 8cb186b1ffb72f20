"""Models whose weights ship with voxport, and their sample recordings."""

from __future__ import annotations

from pathlib import Path

from voxport_export.errors import SourceError
from voxport_export.sources.folder import load_folder
from voxport_export.sources.source import Source

PREFIX = "shipped:"

_PACKAGE = Path(__file__).parents[1]
# A wheel carries the models inside the package, a checkout beside it.
_PLACES = (_PACKAGE / "models", _PACKAGE.parents[1] / "models")
_SAMPLES = "commands"


def _folders() -> dict[str, Path]:
    found = [folder for place in _PLACES if place.is_dir() for folder in sorted(place.iterdir())]
    return {folder.name: folder for folder in found if (folder / "config.json").is_file()}


def names() -> list[str]:
    """List the names of the shipped models."""
    return list(_folders())


def load_shipped(name: str, allow_unused: bool = False) -> Source:  # noqa: ARG001
    """Load a shipped model by name; it has no unused weights."""
    if name not in _folders():
        raise SourceError(f"{name}: not a shipped model; there are {', '.join(names()) or 'none'}")
    return load_folder(_folders()[name], origin=PREFIX + name)


def sample_recordings() -> list[Path]:
    """List the default recordings for an export's comparison."""
    for place in _PLACES:
        samples = place / _SAMPLES / "samples"
        if samples.is_dir():
            return sorted(path for path in samples.iterdir() if path.suffix != ".jsonl")
    raise SourceError("the recordings to compare on are missing: reinstall voxport")
