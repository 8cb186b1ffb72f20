"""Atomic writing of a folder: it is there whole or not at all.

Files go to a hidden folder beside the destination, renamed into place at the end. A killed export
leaves at most this folder, and the next export removes it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voxport.errors import PackageError
from voxport.package.manifest import FILE_NAME
from voxport.package.read_manifest import read_manifest
from voxport_export.errors import ExportError
from voxport_export.package.layout_record import list_unchanged_files


def check_destination(output: Path) -> None:
    """Refuse an unfit destination before any work is done.

    Raises:
        ExportError: something other than an earlier package or an empty folder is there, or
            no folder can be made in the parent.
    """
    try:
        output = output.resolve()
        _check_existing(output)
        above = output.parent
        while not above.exists():
            above = above.parent
        Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=above)).rmdir()
    except OSError as error:
        raise ExportError(f"{output}: cannot be made: {error.strerror}") from error


def _check_existing(output: Path) -> None:
    if output.is_dir():
        if Path.cwd().is_relative_to(output):
            raise ExportError(f"{output}: the current folder is in it; name another")
        if others := _unknown_files(output):
            raise ExportError(
                f"{output}: the folder is not empty, and {others[0]!r} is not part of an earlier "
                "package, or was changed; it is left alone: name another"
            )
    elif output.exists():
        raise ExportError(f"{output}: there is a file of this name; it is left alone")


def _unknown_files(folder: Path) -> list[str]:
    """List the files in neither the folder's manifest nor its layout's record."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    found = sorted(path.relative_to(folder).as_posix() for path in paths)
    try:
        listed = {FILE_NAME, *(entry.path for entry in read_manifest(folder).entries())}
    except PackageError:
        listed = list_unchanged_files(folder)
    return [name for name in found if name not in listed]


@contextmanager
def staged(output: Path) -> Iterator[Path]:
    """Yield a folder to write to; it becomes ``output`` if the block ends without an error."""
    output = output.resolve()  # a link stays; its target is replaced
    output.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(output)
    staging = output.parent / f".{output.name}.partial-{os.getpid()}"
    staging.mkdir()
    try:
        yield staging
        _swap(staging, output)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, output: Path) -> None:
    """Move ``staging`` to ``output``, then remove the earlier package."""
    earlier = output.parent / f".{output.name}.earlier-{os.getpid()}"
    if output.exists():
        output.rename(earlier)
    try:
        staging.rename(output)
    except OSError:
        if earlier.exists():
            earlier.rename(output)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _clear_leftovers(output: Path) -> None:
    """Clean up after a killed export: remove its half-written folder, restore the earlier one."""
    for folder in output.parent.glob(f".{output.name}.*-*"):
        kind, _, pid = folder.name.removeprefix(f".{output.name}.").rpartition("-")
        if kind not in ("partial", "earlier") or not pid.isdecimal() or _is_running(int(pid)):
            continue
        if kind == "earlier" and not output.exists():
            folder.rename(output)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    """Tell whether a process may still run."""
    if sys.platform == "win32":  # signal 0 is Ctrl-C there, for all of the console
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
