"""ASGI layer around the application: request ids, keys, sizes, time-outs and the log.

A body is counted as it comes, and a slow one is not waited for. The log holds facts about a
request, never its audio, text, key or query. Knows ASGI, no framework.
"""

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from voxport.serving import http_errors
from voxport.serving.api_keys import ApiKeys
from voxport.serving.http_errors import HttpError
from voxport.serving.settings import Settings

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Exchanged:
    """Facts of a request that was answered; never its audio, text, key or query."""

    method: str
    route: str
    status: int
    headers: Mapping[bytes, str]  # of the request
    start_ns: int  # since 1970
    end_ns: int
    marks_ns: Mapping[str, int]  # when its steps ended
    facts: Mapping[str, Any]  # of the log


Trace: TypeAlias = Callable[[Exchanged], str]  # returns the trace's id

LOGGER = logging.getLogger("voxport.serve")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_KEYED = "/v1/"  # all below it needs a key
# A client that is still sending is read on for this long, so that it sees the refusal and not a
# broken connection.
_DRAIN_SECONDS = 2.0


class Gate:
    """Application that checks each request before another sees it, and logs it."""

    def __init__(
        self,
        application: Application,
        keys: ApiKeys,
        settings: Settings,
        observe: Callable[[str, int, float], None],  # route, status, seconds
        trace: Trace | None = None,
    ) -> None:
        self._application, self._keys, self._settings = application, keys, settings
        self._observe, self._trace = observe, trace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        start, start_ns = time.monotonic(), time.time_ns()
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = _Exchange(_request_id(headers), send)
        body = _Body(receive, self._settings)
        # What the application tells the log, and the way to read on what it refuses.
        facts: dict[str, Any] = {"request_id": exchange.request_id, "drain": body.drain}
        scope["voxport"] = facts
        try:
            self._check(scope["path"], headers, facts)
            await self._application(scope, body.receive, exchange.send)
        except HttpError as error:
            await body.drain()
            await exchange.refuse(error)
        finally:
            seconds = time.monotonic() - start
            route, marks_ns = str(facts.pop("route", "other")), facts.pop("marks_ns", {})
            del facts["drain"]
            self._observe(route, exchange.status, seconds)
            if self._trace is not None:
                done = (scope["method"], route, exchange.status, headers, start_ns, time.time_ns())
                facts["trace_id"] = self._trace(Exchanged(*done, marks_ns, facts))
            LOGGER.info(
                "request",
                extra={
                    "facts": {
                        "method": scope["method"],
                        "route": route,
                        "status": exchange.status,
                        "seconds": round(seconds, 4),
                        "bytes": body.count,
                        **facts,
                    }
                },
            )

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket with a valid key through; refuse another before it is accepted."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        start, facts, status = time.monotonic(), dict[str, Any](), 101
        try:
            self._check(scope["path"], headers, facts)
            await self._application(scope, receive, send)
        except HttpError as error:
            status = error.status
            await receive()  # the client's request to connect
            await send({"type": "websocket.close", "code": 1008, "reason": error.message[:100]})
        finally:
            seconds = time.monotonic() - start
            self._observe("realtime", status, seconds)
            facts |= {"request_id": _request_id(headers), "route": "realtime", "status": status}
            LOGGER.info("request", extra={"facts": facts | {"seconds": round(seconds, 4)}})

    def _check(self, path: str, headers: dict[bytes, str], facts: dict[str, Any]) -> None:
        length = headers.get(b"content-length", "")
        if length.isdecimal() and int(length) > self._settings.upload_bytes:
            raise http_errors.too_large(self._settings.upload_bytes)
        if not len(self._keys) or not path.startswith(_KEYED):
            return
        scheme, _, given = headers.get(b"authorization", "").partition(" ")
        key = self._keys.find(given.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise http_errors.unauthorized()
        facts["key"] = key.name
        if wait := self._keys.take(key):
            raise http_errors.too_many_requests(wait)


class _Body:
    """A request's body as it comes: counted, and not waited for without end."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self.count = 0  # bytes
        self._receive, self._settings = receive, settings
        self._start = time.monotonic()
        self._is_complete = False

    async def receive(self) -> Message:
        """Return the next message; raise the refusal of a body too large or too slow."""
        if self._is_complete:
            return await self._receive()  # the client's end
        allowed = self._settings.body_seconds + self.count / self._settings.body_bytes_per_second
        left = self._start + allowed - time.monotonic()
        try:
            wait = max(0.0, min(left, self._settings.idle_seconds))
            message = await asyncio.wait_for(self._receive(), wait)
        except asyncio.TimeoutError:
            raise http_errors.too_slow(allowed) from None
        self.count += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self.count > self._settings.upload_bytes:
            raise http_errors.too_large(self._settings.upload_bytes)
        return message

    async def drain(self) -> None:
        """Read on for a moment and forget what comes."""
        end = time.monotonic() + _DRAIN_SECONDS
        while not self._is_complete and (wait := end - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self._receive(), wait)
            except asyncio.TimeoutError:
                return
            self._is_complete = not message.get("more_body", False)


class _Exchange:
    """The answer to one request: its status, and its id in a header."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.request_id, self._send = request_id, send
        self.status = 499  # until an answer begins: the client has gone

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            more = [(b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)

    async def refuse(self, error: HttpError) -> None:
        """Send a refusal, unless an answer has begun."""
        if self.status != 499:
            return
        content = json.dumps(error.body).encode()
        headers: Iterable[tuple[str, str]] = [
            ("content-type", "application/json"),
            ("content-length", str(len(content))),
            *error.headers.items(),
        ]
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
        start = {"type": "http.response.start", "status": error.status, "headers": encoded}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": content})


def _request_id(headers: dict[bytes, str]) -> str:
    given = headers.get(b"x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
