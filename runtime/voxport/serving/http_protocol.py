"""uvicorn's HTTP protocol with a time-out for headers. The module to know uvicorn's classes."""

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_ANSWER = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class TimedProtocol(H11Protocol):
    """Connection that is closed if a request's header does not come in time."""

    header_seconds: ClassVar[float] = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Start to wait for the first header."""
        super().connection_made(transport)
        self._header_timer: asyncio.TimerHandle | None = None
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a header that has begun must end in time."""
        super().data_received(data)
        is_header: Any = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait_for_header()
        elif not is_header or self.conn.their_state is h11.SEND_BODY:
            self._stop_waiting()

    def _wait_for_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_seconds, self._close_slow)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _close_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()
