"""Files and sockets that a program opens, as strace sees them.

Knows system calls; no voxport. Without strace nothing is seen, and ``is_available`` says so.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_CHANGES = ("unlink", "rename", "mkdir", "rmdir", "link", "symlink", "truncate", "chmod", "mknod")
_CALLS = f"openat,open,creat,socket,execve,/^({'|'.join(_CHANGES)})"
_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WAIT_S = 10.0  # for the tracer, which ends after the program


def is_available() -> bool:
    """Tell whether strace is installed."""
    return shutil.which("strace") is not None


def traced(command: Sequence[str], log: Path) -> list[str]:
    """Return a command whose calls are written into ``log``; its process stays the child."""
    options = ["-D", "-f", "-q", "--seccomp-bpf", "-s", "4096", "-e", f"trace={_CALLS}"]
    return ["strace", *options, "-o", str(log), *command]


def read_outside(log: Path, readable: Sequence[str], writable: Sequence[str]) -> list[str]:
    """Return the calls that succeeded outside of these folders, sockets of a network among them."""
    deadline = time.monotonic() + _WAIT_S
    while not log.exists() or "+++" not in log.read_text(errors="replace")[-200:]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return [*_outside(log.read_text(errors="replace"), readable, writable)]


def _outside(text: str, readable: Sequence[str], writable: Sequence[str]) -> Iterator[str]:
    for line in text.splitlines():
        if (match := _LINE.match(line)) is None or int(match[3]) < 0:
            continue
        call, arguments = match[1], match[2]
        if call == "socket":
            if not arguments.startswith(("AF_UNIX", "AF_NETLINK")):
                yield line
            continue
        names = _NAME.findall(arguments)
        is_writing = call.startswith(_CHANGES) or "O_WRONLY" in arguments or "O_RDWR" in arguments
        folders = writable if is_writing else (*readable, *writable)
        if any(name.startswith("/") and not name.startswith(tuple(folders)) for name in names):
            yield line
