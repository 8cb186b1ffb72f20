"""Decoding of uploads in processes of their own, with limits of memory and time.

A file that crashes a decoder, takes all memory or never ends is an error of one request; a decoder
that somebody else kills is not, and its file is decoded again. Decoders are kept for the next file;
one that was not read to its end is ended. Knows processes and messages.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

import voxport
from voxport import errors
from voxport.audio.limits import rate_problem
from voxport.audio.recording import Recording
from voxport.errors import AudioFileError, VoxportError
from voxport.serving.decode_child import END, ERROR, HEAD, INFO, MAX_REQUEST_BYTES, SAMPLES
from voxport.serving.scheduler import OverloadedError

MEMORY_BYTES = 1_000_000_000  # for one file, beside the libraries
_CPU_SECONDS = 30.0  # for one file, and a share of its longest length:
_CPU_SHARE = 0.05  # AAC takes 0.003, E-AC-3 0.005 seconds for a second of audio
_MAX_BLOCK_BYTES = 64 << 20
_KEPT_IDLE = 4
# Starting a process takes 0.2 s of a processor, decoding a clip 5 ms: a request waits for so long
# before it gets a further process. Those that are busy for longer have long recordings.
_PATIENCE_S = 0.3
_WAIT_S = 30.0  # for a decoder, if all are busy
# Variables that a decoder gets: no key of any service is among them.
_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")


class Decoders:
    """Processes that decode, at most ``most`` at a time. Threads may share them."""

    def __init__(
        self, most: int = 32, audio_seconds: float = 3600.0, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._cpu_seconds = _CPU_SECONDS + _CPU_SHARE * audio_seconds
        self._memory_bytes = memory_bytes
        self._room = threading.Semaphore(most)
        self._changed = threading.Condition()
        self._count = 1  # of processes
        self._idle: list[_Decoder] = [_Decoder(memory_bytes)]  # the first request need not wait
        self._is_closed = False

    def open(self, file: BinaryIO, model_rate: int) -> Recording:
        """Open an upload at a model's rate (Hz); the caller closes what is returned.

        Raises:
            AudioFileError: it cannot be read as audio, or not within the limits.
            OverloadedError: all decoders are busy.
        """
        if not self._room.acquire(timeout=_WAIT_S):
            raise OverloadedError("all decoders are busy", retry_after=_WAIT_S)
        with ExitStack() as opened:
            opened.callback(self._room.release)
            upload = _Upload(file, self._cpu_seconds, self._take, self._give_back)
            opened.callback(upload.close)
            info = upload.start()
            rate, seconds = int(info["rate"]), info["seconds"]
            if problem := rate_problem(rate):
                raise AudioFileError(problem)
            resources = opened.pop_all()
        return Recording(upload.blocks(), rate, model_rate, seconds, resources)

    def close(self) -> None:
        """End the decoders that wait; the others end with their files."""
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.end()

    def _take(self) -> "_Decoder":
        with self._changed:
            patience = _PATIENCE_S if self._count >= _KEPT_IDLE else 0.0
            if self._changed.wait_for(lambda: self._idle, patience):
                return self._idle.pop()
            self._count += 1
        return _Decoder(self._memory_bytes)

    def _give_back(self, decoder: "_Decoder") -> None:
        with self._changed:
            is_kept = decoder.is_ready and len(self._idle) < _KEPT_IDLE and not self._is_closed
            if is_kept:
                self._idle.append(decoder)
                self._changed.notify()
            else:
                self._count -= 1
        if not is_kept:
            decoder.end()


class _KilledError(AudioFileError):
    """End of a decoder by somebody else: the kernel, for want of memory, or a person."""


class _Upload:
    """A file on its way through a decoder, or through a second one if the first is killed."""

    def __init__(
        self,
        file: BinaryIO,
        cpu_seconds: float,
        take: Callable[[], "_Decoder"],
        give_back: Callable[["_Decoder"], None],
    ) -> None:
        self._file, self._cpu_seconds = file, cpu_seconds
        self._take, self._give_back = take, give_back
        self._decoder = take()
        self._is_second = False

    def start(self) -> dict[str, Any]:
        """Return the file's rate and promised seconds, or raise why it is no audio."""
        try:
            return self._decoder.start(self._file, self._cpu_seconds)
        except _KilledError:
            self._renew()
        return self._decoder.start(self._file, self._cpu_seconds)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples, (S,) at a time."""
        given = 0
        try:
            for block in self._decoder.blocks():
                given += len(block)
                yield block
        except _KilledError:
            if self._is_second:
                raise
            self._renew()
            self._decoder.start(self._file, self._cpu_seconds)
        else:
            return
        for block in self._decoder.blocks():
            known = min(given, len(block))
            given -= known
            if known < len(block):
                yield block[known:]

    def close(self) -> None:
        """Give the decoder back."""
        self._give_back(self._decoder)

    def _renew(self) -> None:
        self._is_second = True
        self._give_back(self._decoder)
        self._decoder = self._take()


class _Decoder:
    """One process, and the socket to it."""

    def __init__(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        self.is_ready = True  # for the next file
        self._socket = ours
        own = str(Path(voxport.__file__).resolve().parents[1])
        paths = dict.fromkeys([own, *(entry for entry in sys.path if entry)])
        environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        command = [sys.executable, "-m", "voxport.serving.decode_child"]
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(memory_bytes)],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
                start_new_session=True,  # Ctrl-C is for the server
            )

    def start(self, file: BinaryIO, cpu_seconds: float) -> dict[str, Any]:
        """Send a file; return its rate and promised seconds, or raise why it is no audio."""
        self.is_ready = False
        message = json.dumps({"cpu_seconds": cpu_seconds}).encode()
        assert len(message) <= MAX_REQUEST_BYTES
        with suppress(OSError):  # it has ended: there is no answer
            socket.send_fds(self._socket, [message], [_descriptor(file)])
        kind, content = self._receive()
        if kind != INFO:
            raise self._failure(kind, content)
        return json.loads(content)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples, (S,) at a time."""
        while True:
            kind, content = self._receive()
            if kind == END:
                self.is_ready = True
                return
            if kind != SAMPLES:
                raise self._failure(kind, content)
            yield np.frombuffer(content, "<f4").astype(np.float32, copy=False)

    def end(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _failure(self, kind: bytes, content: bytes) -> VoxportError:
        if kind != ERROR:
            code = self._process.wait()
            is_killed = code == -signal.SIGKILL
            ending: type[AudioFileError] = _KilledError if is_killed else AudioFileError
            return ending(
                f"its decoding was ended: it took more memory or time than allowed, or crashed "
                f"(code {code})"
            )
        self.is_ready = True
        error = json.loads(content)
        found = getattr(errors, str(error["type"]), AudioFileError)
        return found(str(error["reason"]))

    def _receive(self) -> tuple[bytes, bytes]:
        """Return the next message; empty if the process has ended."""
        head = self._read(HEAD.size)
        if len(head) < HEAD.size:
            return b"", b""
        kind, size = HEAD.unpack(head)
        content = self._read(size) if size <= _MAX_BLOCK_BYTES else b""
        return (kind, content) if len(content) == size else (b"", b"")

    def _read(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            try:
                block = self._socket.recv(min(size - len(content), 1 << 20))
            except OSError:
                break
            if not block:
                break
            content += block
        return bytes(content)


def _descriptor(file: Any) -> int:
    """Return the descriptor of an upload; one in memory goes to the disk first."""
    if hasattr(file, "rollover"):
        file.rollover()
    file.flush()
    return int(file.fileno())
