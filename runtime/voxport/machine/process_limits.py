"""Limits of this process, as far as its system has them, and the memory in use by another.

Knows kernels, not what is limited.
"""

import os
import sys
import tempfile
from contextlib import suppress
from typing import Any

from voxport.machine import system_files

try:
    import fcntl
    import resource
    import signal
except ImportError:  # Windows
    fcntl = resource = signal = None


def limit_memory(size: int) -> None:
    """Let this process write to at most ``size`` bytes of memory of its own.

    Linux counts private memory that can be written. Address space (``RLIMIT_AS``) would count
    mapped files and reservations that are never used too, of which engines make gigabytes.
    """
    if resource is not None and is_linux():
        _lower(resource.RLIMIT_DATA, size)


def limit_more_memory(size: int) -> None:
    """Let this process write to ``size`` bytes of memory beside those that it has by now."""
    limit_memory(_private_bytes() + size)


def limit_writing(size: int) -> None:
    """Let no file that this process writes grow over ``size`` bytes, and none hold its memory."""
    if resource is not None and signal is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error instead of the end
        _lower(resource.RLIMIT_FSIZE, size)
        _lower(resource.RLIMIT_CORE, 0)


def forbid_writing() -> None:
    """Let this process write into no file, and leave no image of its memory when it dies."""
    tempfile.gettempdir()  # finds it by writing a file; torch asks for it when it is imported
    limit_writing(0)


def limit_processor(seconds: float) -> None:
    """End this process after ``seconds`` more of processor time; a later call sets a new limit."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        wanted = int(used.ru_utime + used.ru_stime + seconds) + 1
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def forbid_opening() -> None:
    """Let this process open no further file, socket or pipe; what is open stays so."""
    if resource is not None:
        _lower(resource.RLIMIT_NOFILE, 0)


def end_with(pipe: int) -> None:
    """Let the system end this process when the other end of ``pipe`` is closed.

    Works while an engine holds the interpreter. A process that inherits the other end keeps it
    open.
    """
    flags: Any = getattr(os, "O_ASYNC", None)
    if fcntl is not None and flags is not None:
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | flags | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            if not os.read(pipe, 1):  # it was closed before
                os._exit(1)


def resident_bytes(process: int) -> int:
    """Return the memory in use by a process; 0 if the system does not say."""
    fields = system_files.read_text(f"/proc/{process}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _private_bytes() -> int:
    """Return the memory of its own that this process may write to: what ``limit_memory`` counts."""
    fields = system_files.read_text("/proc/self/statm").split()
    return int(fields[5]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 5 else 0


def is_linux() -> bool:
    """Tell whether the kernel is Linux, the one with all of these limits."""
    return sys.platform.startswith("linux")


def _lower(kind: int, most: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    assert resource is not None
    hard = resource.getrlimit(kind)[1]
    lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (lowest, lowest))
