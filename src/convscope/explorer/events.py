"""Reports from Python to all open pages, as server-sent events."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST = 64
"""The most pages that listen."""

KEPT = 256
"""The most reports that wait for a page that does not read; the oldest are dropped."""

BEAT = 15.0
"""Silence after which a comment is sent, so that a page that has gone is noticed [second]."""


class Hub:
    """Hands every report to every listener. Reports may come from any thread."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.listeners: set[Listener] = set()

    def is_full(self) -> bool:
        """Return whether no further page may listen."""
        return len(self.listeners) >= MOST

    def publish(self, kind: str, **facts: Any) -> None:
        """Send a report to all pages that listen; without any, it is dropped."""
        loop = self.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._spread, event(kind, **facts))

    def _spread(self, text: bytes) -> None:
        for one in self.listeners:
            one.waiting.append(text)
            one.news.set()

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield the stream of one page, until the server ends."""
        one = Listener()
        self.listeners.add(one)
        try:
            yield b"retry: 2000\n\n"
            while True:
                try:
                    await asyncio.wait_for(one.news.wait(), BEAT)
                except TimeoutError:
                    yield b": \n\n"
                one.news.clear()
                while one.waiting:
                    text = one.waiting.popleft()
                    if not text:
                        return
                    yield text
        finally:
            self.listeners.discard(one)

    def end(self) -> None:
        """End every stream, in the thread of the loop."""
        self._spread(b"")


class Listener:
    """A page that listens."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque(maxlen=KEPT)
        self.news = asyncio.Event()


def event(kind: str, **facts: Any) -> bytes:
    r"""Return a report as the stream has it.

    >>> event("work", method="read", state="done")
    b'event: work\ndata: {"kind":"work","method":"read","state":"done"}\n\n'
    """
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode({"kind": kind, **facts}))
