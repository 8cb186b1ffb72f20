"""Process that decodes what strangers upload: files in, blocks of samples out, within limits.

Started by ``decoders``, which sends a descriptor a file over a socket. It never sees a path, a key
or a model. Knows the audio room and the messages.
"""

import json
import os
import resource
import socket
import struct
import sys
from pathlib import Path
from typing import Any

HEAD = struct.Struct("<cI")  # kind, bytes that follow
INFO, SAMPLES, ERROR, END = b"I", b"S", b"E", b"D"
MAX_REQUEST_BYTES = 1 << 12

_MAX_FILE_BYTES = 1 << 24  # that it may write: captured lines of libraries
_LIBRARIES = (
    "soundfile",
    "av",
    "voxport.audio.recording",
)  # loaded before the limit of memory counts


def main() -> None:
    """Answer files until the socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    memory_bytes = int(sys.argv[2])
    for name in _LIBRARIES:
        _try_import(name)
    _limit(resource.RLIMIT_AS, _virtual_bytes() + memory_bytes)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST_BYTES, 1)
        if not message or not descriptors:
            return
        try:
            _answer(control, json.loads(message)["cpu_seconds"], descriptors[0])
        finally:
            os.close(descriptors[0])


def _answer(control: socket.socket, cpu_seconds: float, descriptor: int) -> None:
    from voxport.audio.files import open_audio
    from voxport.errors import VoxportError

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + cpu_seconds) + 1)
    try:
        with open_audio(Path(f"/proc/self/fd/{descriptor}")) as stream:
            _send_object(control, INFO, {"rate": stream.sample_rate, "seconds": stream.seconds})
            for block in stream.blocks():
                _send(control, SAMPLES, block.astype("<f4", copy=False).tobytes())
        _send(control, END, b"")
    except VoxportError as error:
        _send_object(control, ERROR, {"type": type(error).__name__, "reason": error.reason})
    except MemoryError:
        reason = "its decoding takes more memory than allowed"
        _send_object(control, ERROR, {"type": "AudioFileError", "reason": reason})


def _send_object(control: socket.socket, kind: bytes, value: dict[str, Any]) -> None:
    _send(control, kind, json.dumps(value).encode())


def _send(control: socket.socket, kind: bytes, content: bytes) -> None:
    control.sendall(HEAD.pack(kind, len(content)) + content)


def _limit(kind: int, value: int) -> None:
    """Lower the soft limit; the hard one stays, so that the next file may have its own."""
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))


def _virtual_bytes() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _try_import(name: str) -> None:
    try:
        __import__(name)
    except ImportError:
        return


if __name__ == "__main__":
    main()
