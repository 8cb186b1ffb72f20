"""Files in folders writable by others: whole or absent, and never through a planted link.

A predictable name may be taken beforehand by a symbolic link, a FIFO or a device. Files are
therefore made with ``O_EXCL`` under a temporary name, and opened for reading without following
links and without waiting.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer would wait for ever
_BINARY = getattr(os, "O_BINARY", 0)


def replace_file(
    path: Path, content: bytes, before_rename: Callable[[os.stat_result], None] | None = None
) -> None:
    """Write a file under a temporary name and rename it, so it is whole or as it was.

    ``before_rename`` is called with the status of the finished temporary file.
    """
    temporary = path.with_name(temporary_name(path.name))
    temporary.unlink(missing_ok=True)  # what a killed run left, or somebody's link: never followed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            status = os.fstat(file.fileno())
        if before_rename is not None:
            before_rename(status)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """Name the temporary file of a result: the same each time, so none is left for ever."""
    return f".voxport-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}.tmp"


def open_regular(path: Path, flags: int, mode: str) -> IO[Any]:
    """Open a regular file; a link, FIFO, device or folder in its place is an ``OSError``."""
    descriptor = os.open(path, flags | _NO_FOLLOW | _NO_WAIT | _BINARY, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")  # noqa: TRY301
        return os.fdopen(descriptor, mode)
    except BaseException:
        os.close(descriptor)
        raise
