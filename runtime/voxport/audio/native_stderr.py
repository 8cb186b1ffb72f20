"""Collection of native code's lines on standard error. Knows no library."""

import os
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager

_STDERR = 2
_MAX_BYTES = 1 << 20
_lock = threading.Lock()  # the descriptor is the whole process's


@contextmanager
def captured_lines(mark: str) -> Generator[list[str], None, None]:
    """Collect the block's lines on standard error with `mark` in them.

    The list is filled when the block ends; other lines, as of other threads, are written then.
    """
    lines: list[str] = []
    with _lock, tempfile.TemporaryFile() as file:
        try:
            saved = os.dup(_STDERR)
        except OSError:  # it is closed
            yield lines
            return
        os.dup2(file.fileno(), _STDERR)
        try:
            yield lines
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            file.seek(0)
            for line in file.read(_MAX_BYTES).splitlines(keepends=True):
                if mark.encode() in line:
                    lines.append(line.decode(errors="replace").rstrip())
                else:
                    os.write(_STDERR, line)
