"""The paths of the server: the page and its parts, documents, questions, reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router

from convscope.errors import ConvscopeError, MachineError, MissingExtraError, UnknownNameError
from convscope.explorer.calls import reported
from convscope.explorer.guard import NAME, Guard
from convscope.explorer.jobs import RETRY, BusyError, GoneError
from convscope.explorer.page import part, served
from convscope.explorer.uploads import LARGEST, LONGEST, body

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from convscope.explorer.events import Hub
    from convscope.explorer.guard import Keys
    from convscope.explorer.host import Host
    from convscope.explorer.jobs import Pool

KEY = re.compile(r"[0-9a-f]{64}")
"""What a blob is called: its SHA-256."""

JSON, BYTES = "application/json", "application/octet-stream"

PARTS = {"page.js": "text/javascript", "page.css": "text/css"}
"""The files of the page, and their types."""

UPLOADS = 4
"""The most images that are received or answered at a time."""

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}

STATUS: dict[type[ConvscopeError], int] = {UnknownNameError: 404, MachineError: 507, MissingExtraError: 501}
"""The status of an error by its kind; any other is 422."""


class Routes:
    """The answers.

    Args:
        host: what is shown.
        pool: answers questions.
        hub: hands on reports.
    """

    def __init__(self, host: Host, pool: Pool, hub: Hub) -> None:
        self.host: Host = host
        self.pool: Pool = pool
        self.hub: Hub = hub
        self.uploads: int = 0

    def app(self, keys: Keys) -> ASGIApp:
        """Return the application, guarded."""
        routes = [
            Route("/", self.page),
            Route("/documents", self.documents),
            Route("/document", self.document),
            Route("/document/{id}", self.document),
            Route("/blob/{key}", self.blob),
            Route("/events", self.events),
            Route("/call/{method}", self.call, methods=["POST"]),
            Route("/{name}", self.part),
        ]
        handlers: Any = {
            HTTPException: refused,
            BusyError: busy,
            GoneError: left,
            ClientDisconnect: left,
            ConvscopeError: wrong,
        }
        below = Mount(f"/{keys.folder}", Router(routes, redirect_slashes=False))
        return Guard(Starlette(routes=[below], exception_handlers=handlers), keys)

    async def page(self, request: Request) -> Response:  # noqa: ARG002 -- starlette's
        """The page."""
        return HTMLResponse(served(self.host.title, self.host.capabilities))

    async def part(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path_params["name"]
        if name not in PARTS:
            raise HTTPException(404, "there is no such file")
        return Response(part(name), media_type=PARTS[name])

    async def documents(self, request: Request) -> Response:  # noqa: ARG002 -- starlette's
        """What is shown, by name."""
        return JSONResponse([{"id": name, "title": one.title} for name, one in self.host.entries.items()])

    async def document(self, request: Request) -> Response:
        """A document; by default the first."""
        name = request.path_params.get("id", self.host.first)
        if not NAME.fullmatch(name) or name not in self.host.entries:
            raise HTTPException(404, "there is no document of that name")
        return Response(self.host.entries[name].content, media_type=JSON)

    async def blob(self, request: Request) -> Response:
        """Some bytes of a document."""
        key = request.path_params["key"]
        found = self.host.blob(key) if KEY.fullmatch(key) else None
        if found is None:
            raise HTTPException(404, "there are no bytes with that SHA-256")
        return Response(found, media_type=BYTES, headers=FOREVER)

    async def events(self, request: Request) -> Response:  # noqa: ARG002 -- starlette's
        """Reports as they come."""
        if self.hub.is_full():
            raise BusyError
        return StreamingResponse(self.hub.listen(), media_type="text/event-stream")

    async def call(self, request: Request) -> Response:
        """An answer to a question."""
        method, host = request.path_params["method"], self.host
        if request.headers["content-type"].partition(";")[0].strip().lower() != BYTES:
            async with body(request, LONGEST) as file:
                arguments = as_json(file.read())
            return await self.answer(request, lambda: host.answered(method, arguments))
        if self.uploads >= UPLOADS:
            raise BusyError
        self.uploads += 1
        try:
            async with body(request, LARGEST) as file:  # it is in memory only while the question is answered
                asked = lambda: host.answered(method, {**request.query_params, "content": file.read()})  # noqa: E731
                return await self.answer(request, asked)
        finally:
            self.uploads -= 1

    async def answer(self, request: Request, work: Callable[[], bytes]) -> Response:
        """Answer in the pool."""
        return Response(await self.pool.run(work, lambda: gone(request)), media_type=JSON)


def as_json(content: bytes) -> dict[str, Any]:
    """Return the arguments in a body, ``{"args": {…}}``.

    Raises:
        HTTPException: it is something else.

    >>> as_json(b'{"args": {"notation": "input 8x8x1, relu"}}')
    {'notation': 'input 8x8x1, relu'}
    """
    try:
        found = msgspec.json.decode(content, type=dict[str, dict[str, Any]])
    except (msgspec.DecodeError, RecursionError) as error:
        raise HTTPException(400, f"the question is not JSON: {str(error)[:200]}") from None
    if found.keys() != {"args"}:
        raise HTTPException(400, 'the question is not {"args": …}')
    return found["args"]


async def gone(request: Request) -> None:
    """Wait until the client of a request leaves, whose body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def refused(request: Request, error: HTTPException) -> Response:  # noqa: ARG001 -- starlette's
    """Answer a request that has no answer."""
    return JSONResponse({"what": error.detail}, error.status_code, error.headers)


async def wrong(request: Request, error: ConvscopeError) -> Response:  # noqa: ARG001 -- starlette's
    """Answer a question with what is wrong with it."""
    return JSONResponse(reported(error), STATUS.get(type(error), 422))


async def busy(request: Request, error: BusyError) -> Response:  # noqa: ARG001 -- starlette's
    """Answer a request for which there is no room."""
    return JSONResponse({"what": "Python is busy; ask again"}, 503, {"retry-after": str(RETRY)})


async def left(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- starlette's
    """End a request whose client has left, and will not read this."""
    return Response(status_code=499)
