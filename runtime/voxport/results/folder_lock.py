"""A lock on a folder of results, so two runs never write into one at once.

The operating system frees it when its holder ends, in any way. If the file system knows no locks
(some network shares), nothing is locked.
"""

import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from voxport.errors import OutputError, accessing
from voxport.results.safe_file import open_regular

NAME = ".voxport.lock"
_MAX_BYTES = 4096  # of the holder's line
_LOCKED_BYTE = 1 << 20  # Windows keeps others from reading a locked byte: one behind the line


class FolderLock:
    """The right to write into a folder; released at the end of its ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._file: Any = None

    def __enter__(self) -> "FolderLock":
        with accessing(self._path, OutputError, "cannot be locked"):
            while not self._take():
                self._file.close()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # before it is closed: nobody else can hold a file that is gone
            if sys.platform != "win32":
                self._path.unlink()
        self._file.close()

    def _take(self) -> bool:
        """Lock the file; return ``False`` if its last holder removed it meanwhile."""
        self._file = open_regular(self._path, os.O_RDWR | os.O_CREAT, "r+b")
        if not _try_lock(self._file.fileno()):
            holder = _read_holder(self._file.read(_MAX_BYTES))
            self._file.close()
            raise OutputError(
                f"{holder} is writing into it: wait for its end, or give another folder",
                self._folder,
            )
        try:
            if not os.path.samestat(os.fstat(self._file.fileno()), self._path.lstat()):
                return False
        except FileNotFoundError:
            return False
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        self._file.truncate(0)
        self._file.write(json.dumps(holder).encode() + b"\n")
        self._file.flush()
        return True


def _try_lock(descriptor: int) -> bool:
    """Lock without waiting; return ``False`` if another process holds the lock."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # no locks on this file system
        return True
    return True


def _read_holder(line: bytes) -> str:
    """Describe the holder: "process 4711 on this machine (since 20:13)"."""
    try:
        fields: dict[str, Any] = json.loads(line)
        host = str(fields["host"])
        place = "this machine" if host == socket.gethostname() else host
        since = time.strftime("%H:%M", time.localtime(float(fields["since"])))
        return f"process {int(fields['process'])} on {place} (since {since})"
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return "another process"
