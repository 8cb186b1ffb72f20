"""Folders of reproducible results, kept between runs. Knows nothing of their content."""

import os
import sys
from pathlib import Path


def cache_folder(kind: str, identity: str) -> Path:
    """Return the folder of one file's results of a kind; ``identity`` is the file's hash."""
    return _root() / "voxport" / kind / identity


def ensure_folder(path: Path) -> Path | None:
    """Create a folder and return it; None if it cannot be created, and nothing is kept."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return path


def _root() -> Path:
    """Return the user's folder for caches."""
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local)
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111
