"""Front of a fleet: takes requests, passes each to a replica, and to another if that one is lost.

A request is whole before it is passed on, so that it can be passed on again: nothing that was
accepted is lost with a machine. An answer that had begun goes on behind the bytes already sent, as
a request's answer is always the same. Knows ASGI; not how replicas are reached.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from voxport.serving.http_errors import to_http
from voxport.serving.metrics import CONTENT_TYPE
from voxport.serving.middleware import Message, Receive, Scope, Send
from voxport.serving.scheduler import DeadlineError, OverloadedError, StoppedError
from voxport.serving.settings import Settings

_IN_FLIGHT_BYTES = 4_000_000_000  # of bodies, all requests together
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0  # before a request is passed on again
_TRY_LATER = 1013  # code of a WebSocket's end


class LostError(Exception):
    """Loss of a replica before its answer was whole."""


@dataclass(frozen=True)
class ForwardedRequest:
    """A request as a replica gets it."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = field(repr=False)


class Replicas(Protocol):
    """The fleet behind a front."""

    def ask(self, request: ForwardedRequest) -> AsyncGenerator[Message, None]:
        """Yield the ASGI messages of a request's answer; raise ``LostError`` with a replica."""
        ...


class Front:
    """ASGI application before a fleet.

    Args:
        replicas: the fleet.
        settings: limits.
        render: returns the front's own figures for ``/metrics``.
    """

    def __init__(self, replicas: Replicas, settings: Settings, render: Callable[[], bytes]) -> None:
        self._replicas, self._settings, self._render = replicas, settings, render
        self._active = self._bytes = 0
        self._is_stopping = False
        self.repeats = 0  # requests that were passed on again

    def stop(self) -> None:
        """Refuse new requests; those that were accepted go on."""
        self._is_stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            reason = "a fleet serves no realtime connections"
            await send({"type": "websocket.close", "code": _TRY_LATER, "reason": reason})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        facts: dict[str, Any] = scope["voxport"]
        facts["route"] = path if path in _OWN_ROUTES else _route(path)
        if path in _OWN_ROUTES:
            kind, content = _OWN_ROUTES[path], b'{"status":"ok"}'
            await _respond(send, kind, content if path == "/health" else self._render())
            return
        self._admit()
        self._active += 1
        taken = 0
        try:
            body = bytearray()
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                part = message.get("body", b"")
                body += part
                taken += len(part)
                self._bytes += len(part)
                if not message.get("more_body", False):
                    break
                if self._bytes > _IN_FLIGHT_BYTES:
                    raise to_http(OverloadedError("too many uploads are under way"))
            query = scope.get("query_string", b"")
            headers = [(name, value) for name, value in scope["headers"] if name in _PASSED]
            headers.append((b"x-request-id", facts["request_id"].encode()))
            request = ForwardedRequest(scope["method"], path, query, headers, bytes(body))
            del body
            await _until_gone(receive, self._pass_on(request, send))
        finally:
            self._active -= 1
            self._bytes -= taken

    def _admit(self) -> None:
        if self._is_stopping:
            raise to_http(StoppedError("the service is stopping"))
        if self._active >= self._settings.requests or self._bytes > _IN_FLIGHT_BYTES:
            raise to_http(OverloadedError(f"{self._active} requests are worked on"))

    async def _pass_on(self, request: ForwardedRequest, send: Send) -> None:
        """Send the answer of a replica, or of the next one if it is lost."""
        end, pause = time.monotonic() + self._settings.answer_seconds, _FIRST_PAUSE_S
        progress = _Progress(send)
        while True:
            try:
                async for message in self._replicas.ask(request):
                    await progress.send(message)
            except LostError:
                if time.monotonic() + pause > end:
                    raise to_http(DeadlineError("was not answered within its time")) from None
                self.repeats += 1
                progress.repeat()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                return


class _Progress:
    """The part of an answer that the client has; a repeated answer goes on behind it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_started = False
        self._sent = self._place = 0  # bytes of the body

    def repeat(self) -> None:
        self._place = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self._is_started:
                self._is_started = True
                await self._send(message)
            return
        content = message.get("body", b"")
        new = content[max(0, self._sent - self._place) :]
        self._place += len(content)
        self._sent = max(self._sent, self._place)
        if new or not message.get("more_body", False):
            await self._send({**message, "body": new})


# Headers that a replica needs: keys are the front's, and so is the connection.
_PASSED = (b"content-type", b"accept", b"traceparent", b"tracestate")
_OWN_ROUTES = {"/health": "application/json", "/metrics": CONTENT_TYPE}


def _route(path: str) -> str:
    """Return the route of a path, of which there are few; others would fill the figures."""
    if path.startswith("/v1/models/"):
        return "/v1/models/{model:path}"
    return path if path in _ROUTES else "other"


_ROUTES = (
    "/v1/audio/transcriptions",
    "/v1/audio/alignments",
    "/v1/audio/classifications",
    "/v1/models",
    "/ready",
    "/openapi.json",
    "/docs",
)


async def _until_gone(receive: Receive, work: Awaitable[None]) -> None:
    """Run work until it is done or the client has gone."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        gone.cancel()


async def _respond(send: Send, kind: str, content: bytes) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return
