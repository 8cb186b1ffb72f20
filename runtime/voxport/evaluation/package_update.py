"""Change of some fields of a package's manifest, and of small files beside it, in place.

The manifest and a file it lists cannot be renamed in one step, so a killed update leaves the new
manifest beside the old one, under a fixed name. The next update finishes what the first had begun,
or clears it away. Fields that this version does not know are kept.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from voxport.errors import OutputError, PackageError, accessing
from voxport.package.find import SHIPPED
from voxport.package.hub_cache import snapshot_name
from voxport.package.integrity import check_file
from voxport.package.manifest import FILE_NAME, SIGNATURE_NAME, write_document
from voxport.package.read_manifest import parse_manifest, read_manifest
from voxport.results.folder_lock import FolderLock
from voxport.results.safe_file import replace_file

PENDING_NAME = ".manifest.json.new"


def update_package(folder: Path, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Replace fields of a package's manifest and some of its listed files.

    Args:
        folder: the package's.
        fields: top-level fields with their new values, as JSON has them.
        files: content of files that the manifest lists under ``files``, by name.

    Raises:
        OutputError: the package is signed, or ships with voxport, or cannot be written.
        PackageError: the package is broken, or one of the files was changed by somebody.
    """
    check_updatable(folder)
    with accessing(folder, OutputError, "cannot be written"), FolderLock(folder):
        _finish_pending(folder)
        current = read_manifest(folder)
        listed = {entry.path: entry for entry in current.files}
        for name in files:
            if name not in listed:
                raise PackageError(f"lists no file {name!r}", folder / FILE_NAME)
            check_file(folder, listed[name])  # somebody's own changes are not overwritten
        document = json.loads((folder / FILE_NAME).read_bytes())
        _set_fields(document, fields, files)
        text = write_document(document).encode()
        parse_manifest(text)  # never one that cannot be read
        replace_file(folder / PENDING_NAME, text)
        _write(folder, files)


def check_updatable(folder: Path) -> None:
    """Refuse a package whose files are not to be changed, before anything is measured for it."""
    if (folder / SIGNATURE_NAME).exists():
        raise OutputError(
            f"is signed, and a change would break its signature: remove {SIGNATURE_NAME}, "
            "then sign it again",
            folder,
        )
    if folder.resolve().is_relative_to(SHIPPED.resolve()):
        raise OutputError("ships with voxport and is not changed: copy the folder first", folder)
    if snapshot_name(folder) is not None:
        raise OutputError("is in the Hub's cache and is not changed: copy the folder first", folder)


def _set_fields(
    document: dict[str, Any], fields: Mapping[str, Any], files: Mapping[str, bytes]
) -> None:
    document.update(fields)
    for entry in cast("list[dict[str, Any]]", document["files"]):
        if (content := files.get(entry["path"])) is not None:
            entry.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Rename the files and then the manifest into place; an error puts the files back."""
    earlier = {name: (folder / name).read_bytes() for name in files}
    try:
        for name, content in files.items():
            replace_file(folder / name, content)
        (folder / PENDING_NAME).replace(folder / FILE_NAME)
    except BaseException:
        _undo(folder, earlier)
        raise


def _undo(folder: Path, earlier: Mapping[str, bytes]) -> None:
    for name, content in earlier.items():
        replace_file(folder / name, content)
    (folder / PENDING_NAME).unlink(missing_ok=True)


def _finish_pending(folder: Path) -> None:
    """Finish a killed update whose files are in place; clear one away that had not begun."""
    pending = folder / PENDING_NAME
    if not pending.is_file() or pending.is_symlink():
        return
    try:
        manifest = parse_manifest(pending.read_bytes())
        for entry in manifest.files:
            check_file(folder, entry)
    except PackageError:
        pending.unlink()
    else:
        pending.replace(folder / FILE_NAME)
