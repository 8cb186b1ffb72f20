"""A server of its own for a measurement, and the memory of its processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from voxport.machine.process_limits import resident_bytes


class Server:
    """A running ``voxport serve``."""

    def __init__(self, process: subprocess.Popen[str], port: int, notes: list[str]) -> None:
        self._process, self.port, self.notes = process, port, notes

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the server, its engines and its decoders."""
        return sum(resident_bytes(number) for number in _family(self._process.pid))


@contextmanager
def running(package: str, *options: str) -> Iterator[Server]:
    """Run ``voxport serve`` on a free port until the block ends."""
    command = [sys.executable, "-m", "voxport", "serve", f"model={package}", "--port", "0"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    notes: list[str] = []
    try:
        for line in process.stderr:
            notes.append(line.rstrip().removeprefix("voxport: "))
            if "listening on" in line:
                break
        else:
            raise SystemExit("\n".join(notes))
        port = int(notes[-1].split("http://", 1)[1].split()[0].rpartition(":")[2])
        # The log is a line a request: somebody must read it.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        time.sleep(2)  # its own recording is answered
        yield Server(process, port, notes[:-1])
    finally:
        process.terminate()
        process.wait(60)


def _family(parent: int) -> Iterator[int]:
    yield parent
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            for child in path.read_text("ascii").split():
                yield from _family(int(child))
