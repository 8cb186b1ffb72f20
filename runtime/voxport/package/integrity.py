"""SHA-256 of files, and their comparison with the manifest.

Every file of a package is checked here before an engine or a decoder opens it. Knows nothing of
their contents.
"""

import hashlib
from pathlib import Path

from voxport.errors import IntegrityError, PackageError, PackageNotFoundError, accessing
from voxport.package.manifest import FileEntry

_BLOCK_BYTES = 1 << 20  # read at a time: packages hold files of several GB


def sha256_file(path: Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def file_entry(path: Path) -> FileEntry:
    """Describe the file at ``path`` as a manifest records it."""
    return FileEntry(path.name, path.stat().st_size, sha256_file(path))


def check_file(folder: Path, entry: FileEntry) -> Path:
    """Return the path of ``entry`` in ``folder`` after comparing its size and hash."""
    path = folder / entry.path
    with accessing(path, PackageError):
        if not path.is_file():
            raise PackageNotFoundError(
                "the manifest lists this file and it is missing; "
                "copy the package again or export it again",
                path,
            )
        size = path.stat().st_size
        if size != entry.bytes:
            raise _changed(path, f"{entry.bytes} bytes", f"{size} bytes")
        found = sha256_file(path)
    if found != entry.sha256:
        raise _changed(path, f"sha256 {entry.sha256}", f"sha256 {found}")
    return path


def _changed(path: Path, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"not the file that the manifest records: expected {expected}, found {found}; "
        "copy the package again or export it again",
        path,
    )
