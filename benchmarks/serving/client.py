"""Client that costs little: requests are encoded once, and sent over plain connections.

A load generator on the server's own cores must leave them to the server.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BOUNDARY = "voxport-benchmark"
_TIMEOUT_S = 1200.0


@dataclass(frozen=True)
class Clip:
    """A recording as a request."""

    name: str
    seconds: float
    request: bytes


@dataclass(frozen=True)
class Answer:
    """An answer and its time."""

    clip: Clip
    status: int
    latency: float  # seconds from the time that the request was due
    text: str


def encode(path: Path, seconds: float, model: str) -> Clip:
    """Return a recording as a request for its transcript."""
    fields = (("model", model), ("response_format", "json"))
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = (
        "".join([*parts, head]).encode() + path.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    )
    request = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return Clip(path.name, seconds, request.encode() + body)


class Client:
    """Connections to one server, kept for the next request."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, clip: Clip, due: float | None = None) -> Answer:
        """Send a clip and return its answer; status 0: the connection ended."""
        due = time.perf_counter() if due is None else due
        try:
            status, body = await asyncio.wait_for(self._exchange(clip.request), _TIMEOUT_S)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            return Answer(clip, 0, time.perf_counter() - due, "")
        text = json.loads(body).get("text", "") if status == 200 else ""
        return Answer(clip, status, time.perf_counter() - due, text)

    async def get(self, path: str) -> str:
        """Return what a path answers."""
        _, body = await self._exchange(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return body.decode()

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        reader, writer = self._take_idle() or await asyncio.open_connection(*self._address)
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        if "connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split(" ", 2)[1]), body

    def _take_idle(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return a connection that the server has not closed in the meantime, or None."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._idle:
            writer.close()


def read_figures(text: str) -> dict[str, float]:
    """Return the figures of a server that have no labels."""
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line[:1] not in ("#", ""))
    return {name: float(value) for name, value in pairs if "{" not in name}


def describe_batches(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float | None]:
    """Return the mean rows and fill of the batches between two readings."""
    found: dict[str, float | None] = {}
    for key in ("rows", "fill"):
        name = f"voxport_batch_{key}"
        count = after[f"{name}_count"] - before[f"{name}_count"]
        total = after[f"{name}_sum"] - before[f"{name}_sum"]
        found[f"batch_{key}"] = round(total / count, 3) if count else None
    return found
