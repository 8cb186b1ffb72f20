"""``voxport.json``: a layout's origin, and voxport's own files in its folder.

Clients ignore the file. An export reads it before replacing a folder, so files added or changed by
somebody are not lost. Knows no layout: it takes plain values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from voxport.errors import PackageError
from voxport.package.integrity import check_file, file_entry
from voxport.package.json_fields import Fields
from voxport.package.manifest import FileEntry

FILE_NAME = "voxport.json"
_FORMAT = "voxport-layout"


def write_record(
    folder: Path,
    layout: str,
    created_by: Mapping[str, str],
    model: Mapping[str, object],
    agreement: Sequence[Mapping[str, object]],
) -> None:
    """Write the record of all files in ``folder``.

    Args:
        folder: the layout's.
        layout: its name.
        created_by: versions, by distribution.
        model: ``model`` of the package's manifest.
        agreement: measurements of the layout's graphs, an object each.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    content: Mapping[str, object] = {
        "format": _FORMAT,
        "version": 1,
        "layout": layout,
        "created_by": created_by,
        "model": model,
        "agreement": agreement,
        "files": [asdict(_describe_file(folder, path)) for path in paths],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / FILE_NAME).write_text(text, encoding="utf-8", newline="\n")


def list_unchanged_files(folder: Path) -> set[str]:
    """List voxport's own files in a layout's folder, unchanged since; none without a record."""
    try:
        fields = Fields.from_value(json.loads((folder / FILE_NAME).read_bytes()), "")
        if fields.data.get("format") != _FORMAT:
            return set()
        entries = [_read_entry(child) for child in fields.children("files")]
    except (OSError, ValueError):
        return set()
    return {FILE_NAME, *(entry.path for entry in entries if _is_unchanged(folder, entry))}


def _describe_file(folder: Path, path: Path) -> FileEntry:
    return replace(file_entry(path), path=path.relative_to(folder).as_posix())


def _read_entry(fields: Fields) -> FileEntry:
    return FileEntry(fields.text("path"), fields.integer("bytes"), fields.sha256("sha256"))


def _is_unchanged(folder: Path, entry: FileEntry) -> bool:
    try:
        check_file(folder, entry)
    except PackageError:
        return False
    return True
