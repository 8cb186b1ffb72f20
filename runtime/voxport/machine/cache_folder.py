"""Where what can be made again is kept between runs. Knows folders, not what lies in them."""

import os
import sys
from pathlib import Path


def folder(kind: str, identity: str) -> Path:
    """Where things of that kind belong that are made of one file; `identity` is its hash."""
    return _root() / "voxport" / kind / identity


def made(path: Path) -> Path | None:
    """The folder once it is there; None where it cannot be, and things are made at every start."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return path


def _root() -> Path:
    """The user's folder for caches."""
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local)
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111
