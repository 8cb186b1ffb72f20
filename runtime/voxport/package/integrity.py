"""SHA-256 of files, and their comparison with the manifest.

Every file of a package is checked here before an engine or a decoder opens it. The bytes hashed
are the bytes used: a file is read once, into memory or into a private copy, so another process
cannot exchange it in between. Knows nothing of their contents.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from voxport.errors import IntegrityError, PackageError, PackageNotFoundError, accessing
from voxport.package.hub_cache import damage_advice, fetch_file
from voxport.package.manifest import FileEntry

_BLOCK_BYTES = 1 << 20  # read at a time: packages hold files of several GB

# Without it, opening a FIFO waits for a writer; a regular file does not care.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


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


def describe_bytes(name: str, content: bytes) -> FileEntry:
    """Describe a file of this content as a manifest records it."""
    return FileEntry(name, len(content), hashlib.sha256(content).hexdigest())


def check_file(folder: Path, entry: FileEntry) -> Path:
    """Return the path of ``entry`` in ``folder`` after comparing its size and hash."""
    for _ in _verified_blocks(folder, entry):
        pass
    return folder / entry.path


def read_file(folder: Path, entry: FileEntry) -> bytes:
    """Return the content of ``entry`` in ``folder``, whose size and hash are the recorded ones."""
    return b"".join(_verified_blocks(folder, entry))


@contextmanager
def private_copies(folder: Path, entries: Sequence[FileEntry]) -> Generator[Path, None, None]:
    """Copy files into a folder of this user alone while they are hashed; yield the folder.

    For engines reading large files by their path: they map or read the hashed bytes, and memory
    holds no file as a whole. The copies go at the end; a mapping outlives them.
    """
    size = sum(entry.bytes for entry in entries)
    with tempfile.TemporaryDirectory(prefix="voxport-", ignore_cleanup_errors=True) as space:
        for entry in entries:
            with (Path(space) / entry.path).open("xb") as copy:
                for block in _verified_blocks(folder, entry):
                    with accessing(
                        folder / entry.path,
                        PackageError,
                        f"cannot be copied to {space} ({size / 1e9:.1f} GB; TMPDIR names another "
                        "folder)",
                    ):
                        copy.write(block)
        yield Path(space)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; a FIFO, a device or a folder is an error and never waits.

    Raises:
        OSError: there is no such file, or it may not be read.
        PackageError: it is no regular file.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise PackageError("is no regular file", path)


def _verified_blocks(folder: Path, entry: FileEntry) -> Iterator[bytes]:
    """Iterate over a file's content; the end comes only with the recorded size and hash."""
    path = folder / entry.path
    left = entry.bytes
    with accessing(path, PackageError), _open_listed(path) as file, _Hash() as digest:
        size = os.fstat(file.fileno()).st_size
        if size != entry.bytes:
            raise _changed(path, f"{entry.bytes} bytes", f"{size} bytes")
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            digest.update(block)
            yield block
        if left:
            raise _changed(path, f"{entry.bytes} bytes", f"{entry.bytes - left} bytes")
        found = digest.hexdigest()
    if found != entry.sha256:
        raise _changed(path, f"sha256 {entry.sha256}", f"sha256 {found}")


class _Hash:
    """SHA-256 of blocks, computed on another core while the next block is read and copied."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._worker: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def __enter__(self) -> "_Hash":
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.shutdown()

    def update(self, block: bytes) -> None:
        """Add a block, once the one before it is added: two are held at the most."""
        if len(block) < _BLOCK_BYTES:  # of a small file, or the last: no thread is worth it
            self._wait()
            self._digest.update(block)
            return
        if self._worker is None:
            self._worker = ThreadPoolExecutor(max_workers=1)
        self._wait()
        self._last = self._worker.submit(self._digest.update, block)

    def hexdigest(self) -> str:
        """Return the hash of all blocks as hexadecimal digits."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None


def _open_listed(path: Path) -> BinaryIO:
    """Open a listed file; in the Hub's cache, one that is missing is fetched first."""
    try:
        try:
            return open_regular(path)
        except FileNotFoundError:
            if not fetch_file(path.parent, path.name):
                raise
            return open_regular(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, PackageError):
            raise
        raise PackageNotFoundError(
            "the manifest lists this file and it is missing; "
            "copy the package again or export it again",
            path,
        ) from None


def _changed(path: Path, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"not the file that the manifest records: expected {expected}, found {found}; "
        f"{damage_advice(path.parent)}",
        path,
    )
