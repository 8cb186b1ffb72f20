"""``voxport.json``: what a layout's folder was made from, and the files that are voxport's in it.

Clients do not know the file and leave it alone. An export reads it before it replaces a folder, so
that nothing goes that somebody has added or changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from voxport.errors import PackageError
from voxport.package.entries import FileEntry
from voxport.package.integrity import check, file_entry
from voxport.package.json_fields import Fields
from voxport.package.manifest import Manifest
from voxport_export.layouts.protocol import Agreement

FILE_NAME = "voxport.json"
_FORMAT = "voxport-layout"


def write_record(
    folder: Path, layout: str, manifest: Manifest, agreements: Sequence[Agreement]
) -> None:
    """Write the record of all that is in ``folder``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    content: Mapping[str, object] = {
        "format": _FORMAT,
        "version": 1,
        "layout": layout,
        "created_by": manifest.created_by,
        "model": asdict(manifest.model),
        "agreement": [asdict(one) for one in agreements],
        "files": [asdict(_entry(folder, path)) for path in paths],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / FILE_NAME).write_text(text, encoding="utf-8", newline="\n")


def written_by_voxport(folder: Path) -> set[str]:
    """The paths inside a layout's folder that are as voxport wrote them; none without a record."""
    try:
        fields = Fields.of(json.loads((folder / FILE_NAME).read_bytes()), "")
        if fields.data.get("format") != _FORMAT:
            return set()
        entries = [_read(child) for child in fields.children("files")]
    except (OSError, ValueError):
        return set()
    return {FILE_NAME, *(entry.path for entry in entries if _is_unchanged(folder, entry))}


def _entry(folder: Path, path: Path) -> FileEntry:
    return replace(file_entry(path), path=path.relative_to(folder).as_posix())


def _read(fields: Fields) -> FileEntry:
    return FileEntry(fields.text("path"), fields.integer("bytes"), fields.sha256("sha256"))


def _is_unchanged(folder: Path, entry: FileEntry) -> bool:
    try:
        check(folder, entry)
    except PackageError:
        return False
    return True
