"""Lookup of packages: a folder, or the name of a model shipped inside voxport.

Knows folders and names; reads no manifest.
"""

import difflib
import os
from pathlib import Path
from typing import Any

from voxport.errors import (
    InputError,
    PackageError,
    PackageNotFoundError,
    UnknownModelError,
    accessing,
)
from voxport.package.manifest import FILE_NAME

SHIPPED = Path(__file__).parents[1] / "packages"


def shipped_models() -> list[str]:
    """List the names of the models installed with voxport."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{FILE_NAME}"))


def find_package(package: str | os.PathLike[str]) -> Path:
    """Return the folder of a package.

    A shipped model's name as a plain word always means the model; write ``./commands`` for a
    folder of the same name.
    """
    given: Any = package
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(package):
        raise InputError(f"expected a package's folder or a shipped model's name, got {given!r}")
    if isinstance(package, str) and package in shipped_models():
        return SHIPPED / package
    path = Path(package)
    with accessing(package, PackageError):
        if path.is_dir():
            return path
        if path.exists():
            raise PackageNotFoundError("a package is a folder, and this is a file", package)
    if isinstance(package, str) and path.name == package:
        raise UnknownModelError(_unknown_name(package))
    raise PackageNotFoundError(
        "there is no such folder; `voxport export MODEL -o DIR` writes a package", package
    )


def _unknown_name(name: str) -> str:
    names = shipped_models()
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(names) or "none"
    return (
        f"{name!r} is neither a folder nor a shipped model: {hint}shipped models: {listed}; "
        "other models: `voxport export MODEL -o DIR`, then give DIR"
    )
