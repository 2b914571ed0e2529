"""The explorer as a page of this machine: a server for one browser, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Self

import uvicorn

from convscope.errors import FieldError, MachineError
from convscope.explorer.connections import Patient
from convscope.explorer.events import Hub
from convscope.explorer.guard import Keys
from convscope.explorer.jobs import Pool
from convscope.explorer.routes import Routes

if TYPE_CHECKING:
    from types import TracebackType

    from convscope.explorer.host import Host

ADDRESS = "127.0.0.1"

HEADERS = 16 * 2**10
"""The largest head of a request [byte]."""

GRACE = 2
"""Time in which all ends when the server stops [second]."""


class Serving:
    """A running server. It ends with :meth:`stop`, at the end of a ``with`` block, or with the program.

    Attributes:
        url: the address that opens the page. It holds a secret, and is good for any browser of this machine.
        port: its port.
        hub: sends reports to the pages.
    """

    def __init__(self, host: Host, port: int = 0) -> None:
        keys = Keys()
        self._host = host
        self._socket = bound(port)
        self.port: int = self._socket.getsockname()[1]
        self.url: str = f"http://{ADDRESS}:{self.port}/?token={keys.token}"
        self.page: str = f"http://{ADDRESS}:{self.port}{keys.path}"
        self.hub: Hub = Hub()
        self._names = tuple(host.entries)
        self._pool = Pool()
        self._server = uvicorn.Server(configured(Routes(host, self._pool, self.hub), keys))
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._serve,), name="convscope-explore", daemon=True
        )
        self._thread.start()

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each page, by its name; that of the first is ``url``."""
        return {name: self.url + (f"&document={name}" if at else "") for at, name in enumerate(self._names)}

    def __repr__(self) -> str:
        return f"Serving(port={self.port})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        asyncio.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self.hub.loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def wait(self) -> None:
        """Wait until the server ends, or for Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(0.5)  # a wait without an end cannot be interrupted on every system

    def stop(self) -> None:
        """End the server, all its connections, and the training that a page began; what is trained is saved."""
        if self._host.trainer:
            self._host.trainer.end()
        loop = self.hub.loop
        if loop is not None and not loop.is_closed():
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._end)
        self._server.should_exit = True
        self._thread.join(2 * GRACE)

    def _end(self) -> None:
        """End what is open, in the thread of the loop; first as it should be, soon after in any case."""
        self._pool.end()
        self.hub.end()
        for one in self._server.server_state.connections:
            asyncio.get_running_loop().call_later(GRACE / 4, one.end)  # type: ignore[union-attr] # all are Patient


def configured(routes: Routes, keys: Keys) -> uvicorn.Config:
    """Return the settings of uvicorn."""
    return uvicorn.Config(
        routes.app(keys),
        loop="asyncio",
        http=Patient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=HEADERS,
        timeout_graceful_shutdown=GRACE,
    )


def bound(port: int) -> socket.socket:
    """Return a socket that listens on a port of this machine alone; 0 is any free one.

    Raises:
        FieldError: it is not the number of a port.
        MachineError: another program has it, or it needs rights that this one lacks.
    """
    if not 0 <= port <= 65535:
        raise FieldError(f"{port} is not a port", expected="0 to 65535; 0 is any free one")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # where the other option would let a second program have the port, too
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((ADDRESS, port))
        made.listen(256)
    except OSError as error:
        made.close()
        what = f"port {port} of this machine cannot be used: {error.strerror or error}"
        raise MachineError(what, attempt="--port 0, which takes a free one") from None
    return made
