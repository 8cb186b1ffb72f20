"""Every file of a package in the Hub's cache, for what looks at a package as a whole."""

from contextlib import suppress
from pathlib import Path

from voxport.errors import PackageNotFoundError
from voxport.package.hub_cache import fetch_file, snapshot_name
from voxport.package.manifest import SIGNATURE_NAME
from voxport.package.read_manifest import read_manifest


def fetch_whole(folder: Path) -> None:
    """Fetch what is missing of a package in the Hub's cache, its signature too; else do nothing.

    The manifest only says what to fetch here: it may be read before its signature is checked.
    """
    if snapshot_name(folder) is None:
        return
    if not (folder / SIGNATURE_NAME).exists():
        with suppress(PackageNotFoundError):  # it is not signed
            fetch_file(folder, SIGNATURE_NAME)
    for entry in read_manifest(folder).entries():
        if not (folder / entry.path).exists():
            fetch_file(folder, entry.path)
