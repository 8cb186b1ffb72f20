"""Lookup of packages: a folder, a model inside voxport, a bundle's name, a name on the Hub."""

import difflib
import logging
import os
from pathlib import Path
from typing import Any

from voxport.errors import (
    InputError,
    MissingDependencyError,
    PackageError,
    PackageNotFoundError,
    UnknownModelError,
    accessing,
)
from voxport.package.hub_cache import fetch_snapshot, require_hub_name
from voxport.package.hub_names import SPELLED, is_beside_folders, parse_hub_name
from voxport.package.manifest import FILE_NAME
from voxport.package.named_models import cached_package, is_bundle_name

# A typing error or two: "comands" is at 0.93 of "commands", "demands" at 0.67, "colander" at 0.5.
_NEAR = 0.75

SHIPPED = Path(__file__).parents[1] / "packages"


def shipped_models() -> list[str]:
    """List the names of the models installed with voxport."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{FILE_NAME}"))


def find_package(package: str | os.PathLike[str]) -> Path:
    """Return the folder of a package.

    A shipped model's name as a plain word always means the model; write ``./commands`` for a
    folder of the same name. A name of the form of a torchaudio bundle's, with no folder of that
    name, is exported into the cache on first use; the logger ``voxport`` says so. ``owner/name``
    and ``owner/name@revision`` without a folder of that name, and ``hf:owner/name``, mean a package
    on the Hugging Face Hub: its folder in the Hub's cache, with the manifest in it.
    """
    given: Any = package
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(package):
        raise InputError(f"expected a package's folder or a shipped model's name, got {given!r}")
    if isinstance(package, str) and package in shipped_models():
        return SHIPPED / package
    if isinstance(package, str) and package.startswith(SPELLED):
        return fetch_snapshot(require_hub_name(package))
    path = Path(package)
    with accessing(package, PackageError):
        if path.is_dir():
            return path
        if path.exists():
            raise PackageNotFoundError("a package is a folder, and this is a file", package)
    if isinstance(package, str) and is_bundle_name(package):
        return cached_package(package, logging.getLogger("voxport").warning)
    if isinstance(package, str) and path.name == package:
        raise UnknownModelError(_unknown_name(package))
    return _find_on_hub(package)


def _find_on_hub(package: str | os.PathLike[str]) -> Path:
    """Fetch a package named without ``hf:``; every error says that no folder was found."""
    missing = "there is no such folder"
    export = "`voxport export MODEL -o DIR` writes a package"
    name = parse_hub_name(package) if isinstance(package, str) else None
    if name is None:
        raise PackageNotFoundError(f"{missing}; {export}", package)
    if is_beside_folders(str(name)):
        raise PackageNotFoundError(
            f"{missing}; {export}; a package on the Hugging Face Hub is {SPELLED}{name}", package
        )
    try:
        return fetch_snapshot(name)
    except MissingDependencyError as error:
        raise PackageNotFoundError(f"{missing}, and {error}; {export}", package) from error
    except PackageError as error:
        reason = f"{missing}, and on the Hub: {error.reason}"
        raise PackageNotFoundError(reason, package) from error


def _unknown_name(name: str) -> str:
    names = shipped_models()
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=_NEAR)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(names) or "none"
    return (
        f"{name!r} is neither a folder nor a shipped model: {hint}shipped models: {listed}; "
        "other models: `voxport export MODEL -o DIR`, then give DIR, or a bundle's name "
        "(WAV2VEC2_ASR_BASE_960H)"
    )
