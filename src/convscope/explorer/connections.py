"""Connections that do not wait forever: uvicorn's protocol with deadlines for the head and the body of a request.

uvicorn itself closes a connection only between requests. A client that sends a byte now and then, or nothing, would
hold it; a few hundred of them would keep all others out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEAD, BODY = 10.0, 60.0
"""Time in which the headers and the body of a request must have arrived [second]."""

MOST = 256
"""The most connections at a time."""

FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
"""The answer to a connection beyond that."""

LOG = logging.getLogger("convscope.explorer")
LOG.setLevel(logging.ERROR)
"""Faults of ours are logged, and nothing else: clients that do not speak HTTP do not concern the user."""

LIMITS = {h11.IDLE: HEAD, h11.SEND_BODY: BODY}
"""The time that a client has in each of its states."""


class Patient(H11Protocol):
    """A connection with deadlines, which begin with each request and not with each byte."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.access_log: bool = False  # whatever the program has set up: the opening address is a secret
        self.logger: logging.Logger = LOG
        self.deadline: asyncio.TimerHandle | None = None
        self.phase: tuple[Any, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for a request, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.write(FULL)
            transport.close()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what arrives."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the rest of the request, or for the next one."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        super().connection_lost(exc)
        self._forget()

    def end(self) -> None:
        """Close the connection, whatever it is waiting for."""
        self.transport.abort()

    def _watch(self) -> None:
        """Set the deadline of what the client has to send next, if that has changed."""
        state = self.conn.their_state
        phase = state, self.cycle
        if phase == self.phase:
            return
        self._forget()
        self.phase = phase
        if state in LIMITS:
            self.deadline = self.loop.call_later(LIMITS[state], self._late)

    def _forget(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _late(self) -> None:
        """Close the connection of a client that took too long."""
        if not self.transport.is_closing():
            self.transport.abort()
