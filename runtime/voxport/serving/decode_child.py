"""Process that decodes what strangers upload: files in, blocks of samples out, within limits.

Started by ``decoders``, which sends a descriptor a file over a socket. It never sees a path, a key
or a model. Knows the audio room and the messages.
"""

import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from voxport.machine import process_limits

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
    process_limits.limit_more_memory(memory_bytes)
    process_limits.limit_writing(_MAX_FILE_BYTES)
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

    process_limits.limit_processor(cpu_seconds)
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


def _try_import(name: str) -> None:
    try:
        __import__(name)
    except ImportError:
        return


if __name__ == "__main__":
    main()
