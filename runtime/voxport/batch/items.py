"""Recordings of a batch: a folder, a glob or a manifest, here or on an object store (fsspec).

Knows tables and paths; opens no recording but to read its bytes.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from voxport.errors import AudioFileError, InputError
from voxport.optional_import import import_optional

INSTALL = 'pip install "voxport[batch]", or "voxport[ray]" for a cluster'
MANIFESTS = (".jsonl", ".csv", ".parquet")

_PATHS = (
    "path",
    "audio",
    "file",
    "audio_filepath",
    "file_name",
)  # columns, the first that is there
_BYTES = "bytes"


@dataclass(frozen=True)
class Item:
    """A recording, or a part of one, with the id of its row in the results."""

    id: str
    path: str = ""  # a local path, or an address that fsspec opens
    bytes: int = 0  # of the file, 0 where it is not known without asking for each
    start: float | None = None  # seconds
    end: float | None = None  # seconds
    cell: tuple[str, int] | None = None  # a Parquet file and a row of it, of a column of bytes

    @property
    def is_part(self) -> bool:
        """Tell whether it is a part of a recording."""
        return self.start is not None or self.end is not None


def file_system(place: str) -> tuple[Any, str]:
    """Return the file system of a path or an address, and the path on it.

    Raises:
        InputError: fsspec knows no such file system, or the package for it is missing.
    """
    fsspec = import_optional("fsspec", "voxport batch needs fsspec", INSTALL)
    try:
        system, path = fsspec.core.url_to_fs(place)
    except (ValueError, ImportError) as error:
        raise InputError(f"cannot be opened: {error}", place) from None
    return system, str(path)


def is_local(place: str) -> bool:
    """Tell whether a place is a path on this machine rather than an address."""
    return "://" not in place


def read_items(place: str) -> list[Item]:
    """List the recordings of a folder, a glob or a manifest.

    Args:
        place: a folder, searched with its folders; a pattern with ``*``; or a manifest (JSONL, CSV
            or Parquet) with a column path (or audio, file, audio_filepath) or, in Parquet, bytes,
            and optional columns id, start and end. Paths are relative to the manifest.

    Returns:
        The recordings; every id occurs once.

    Raises:
        InputError: there is nothing there, a row has no recording, or two have one id.
    """
    suffix = PurePosixPath(place).suffix.lower()
    try:
        items = list(_read_manifest(place) if suffix in MANIFESTS else _list_files(place))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("there is no such file or folder", place) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place) from None
    if not items:
        raise InputError("there is no recording in it", place)
    _require_unique(place, items)
    return items


def read_source(item: Item) -> str | bytes:
    """Return a recording as a recognizer takes it: a local path, or the file's bytes.

    Raises:
        AudioFileError: the object cannot be read.
    """
    try:
        if item.cell is not None:
            return _read_cell(*item.cell)
        if is_local(item.path):
            return item.path
        system, path = file_system(item.path)
        return bytes(system.cat_file(path))
    except FileNotFoundError:
        raise AudioFileError("there is no such file") from None
    except Exception as error:  # of any store's client
        raise AudioFileError(f"cannot be read: {error}") from error


def _list_files(place: str) -> Iterator[Item]:
    from voxport.audio.files import EXTENSIONS

    system, path = file_system(place)
    is_pattern = "*" in place or "?" in place
    if is_pattern:
        found: dict[str, Any] = system.glob(path, detail=True)
    elif not system.exists(path):
        raise InputError("there is no such file or folder", place)
    else:
        found = system.find(path, detail=True)
    root = path.split("*", 1)[0].rpartition("/")[0] if is_pattern else path.rstrip("/")
    for name, info in sorted(found.items()):
        if info["type"] != "file" or PurePosixPath(name).suffix.lower() not in EXTENSIONS:
            continue
        address = name if is_local(place) else str(system.unstrip_protocol(name))
        own = name.removeprefix(root).lstrip("/") or PurePosixPath(name).name
        yield Item(own, address, int(info.get("size") or 0))


def _read_manifest(place: str) -> Iterator[Item]:
    folder = place.rpartition("/")[0]
    for number, row in enumerate(_read_rows(place)):
        value: Any = next((row[name] for name in _PATHS if row.get(name)), None)
        is_nested = isinstance(value, dict)  # as Hugging Face datasets have it
        audio = cast("dict[str, Any]", value) if is_nested else {}
        path: Any = audio.get("path") if is_nested else value
        has_bytes = bool(row.get(_BYTES)) or bool(audio.get(_BYTES))
        if not path and not has_bytes:
            raise InputError(
                f"row {number} names no recording: expected {', '.join(_PATHS)}", place
            )
        own = row.get("id")
        start, end = _seconds(place, number, row, "start"), _seconds(place, number, row, "end")
        name = str(path or f"row {number}") if own in (None, "") else str(own)
        if own in (None, "") and (start is not None or end is not None):
            name += f"#{start or 0:g}-{'' if end is None else f'{end:g}'}"
        if has_bytes:
            yield Item(name, start=start, end=end, cell=(place, number))
            continue
        full = _beside(folder, str(path))
        yield Item(name, full, _size(full), start, end)


def _read_rows(place: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a manifest; of a column of bytes only whether there are some."""
    system, path = file_system(place)
    if path.lower().endswith(".parquet"):
        yield from _read_parquet_rows(system, path)
        return
    with system.open(path, "rt", encoding="utf-8", newline="") as file:
        if path.lower().endswith(".csv"):
            yield from csv.DictReader(file)
            return
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                row: Any = json.loads(line)
            except ValueError as error:
                raise InputError(f"line {number + 1} is not JSON: {error}", place) from None
            if not isinstance(row, dict):
                raise InputError(f"line {number + 1} is no object", place)
            yield cast("dict[str, Any]", row)


def _read_parquet_rows(system: Any, path: str) -> Iterator[dict[str, Any]]:
    parquet = import_optional("pyarrow.parquet", "Parquet needs pyarrow", INSTALL)
    compute = import_optional("pyarrow.compute", "Parquet needs pyarrow", INSTALL)
    with system.open(path, "rb") as file:
        table = parquet.ParquetFile(file)
        for batch in table.iter_batches(batch_size=256):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            if _BYTES in columns:
                columns[_BYTES] = compute.is_valid(columns[_BYTES])
            names = list(columns)
            values = [column.to_pylist() for column in columns.values()]
            for row in zip(*values, strict=True):
                yield dict(zip(names, row, strict=True))


def _read_cell(place: str, row: int) -> bytes:
    """Read the bytes of one row of a Parquet file; only its row group is read."""
    parquet = import_optional("pyarrow.parquet", "Parquet needs pyarrow", INSTALL)
    system, path = file_system(place)
    with system.open(path, "rb") as file:
        table = parquet.ParquetFile(file)
        for group in range(table.num_row_groups):
            count = table.metadata.row_group(group).num_rows
            if row < count:
                names = [name for name in table.schema_arrow.names if name in (_BYTES, "audio")]
                columns = table.read_row_group(group, columns=names).slice(row, 1).to_pylist()
                value = columns[0].get(_BYTES) or columns[0]["audio"][_BYTES]
                return bytes(value)
            row -= count
    raise AudioFileError("the row is gone")


def _beside(folder: str, path: str) -> str:
    if not is_local(path) or path.startswith("/") or Path(path).is_absolute():
        return path
    return f"{folder}/{path}" if folder else path


def _size(path: str) -> int:
    if not is_local(path):
        return 0
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except (OSError, ValueError):
        return 0


def _seconds(place: str, number: int, row: dict[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(f"row {number}: {name} must be seconds, got {value!r}", place)
    return seconds


def _require_unique(place: str, items: Iterable[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise InputError(f"two recordings have the id {item.id!r}: give a column id", place)
        seen.add(item.id)


def split(items: Sequence[Item], rows: int) -> list[list[Item]]:
    """Divide recordings into partitions of like length, the largest first.

    Files of one size batch without padding, and the longest at the start leave no worker waiting at
    the end.
    """
    ordered = sorted(items, key=lambda item: (-item.bytes, item.id))
    return [ordered[start : start + rows] for start in range(0, len(ordered), rows)]
