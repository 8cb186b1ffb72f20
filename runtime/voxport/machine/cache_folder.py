"""Folders of reproducible results, kept between runs. Knows nothing of their content."""

import os
import sys
from pathlib import Path


def cache_folder(kind: str, identity: str) -> Path:
    """Return the folder of one kind of results; ``identity`` is a file's hash or a model's name.

    ``VOXPORT_CACHE`` names the folder for all kinds; else it is ``voxport`` in the user's folder
    for caches (``XDG_CACHE_HOME``).
    """
    return _root() / kind / identity


def ensure_folder(path: Path) -> Path | None:
    """Create a folder and return it; None if it cannot be created, and nothing is kept."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return path


def _root() -> Path:
    """Return our folder for caches."""
    if ours := os.environ.get("VOXPORT_CACHE"):
        return Path(ours)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "voxport"
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(user) / "voxport"
