"""Bodies of requests: read as they arrive, up to a size."""

from __future__ import annotations

from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

LARGEST = 64 * 2**20
"""The largest upload [byte]."""

LONGEST = 8 * 2**20
"""The largest question; a net as text has at most 1 MiB [byte]."""

IN_MEMORY = 2**20
"""A larger body is kept in a file without a name [byte]."""


@asynccontextmanager
async def body(request: Request, most: int) -> AsyncIterator[IO[bytes]]:
    """Read the body of a request.

    Args:
        request: the request.
        most: its largest size [byte].

    Yields:
        An open file with the body, at its beginning.

    Raises:
        HTTPException: it is larger (413).
        ClientDisconnect: the client left, or took longer than :data:`~convscope.explorer.connections.BODY`.
    """
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > most:
        raise too_large(most)
    with SpooledTemporaryFile(IN_MEMORY) as file:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise too_large(most)
            file.write(chunk)
        file.seek(0)
        yield file


def too_large(most: int) -> HTTPException:
    """Return the error for a body that is too large.

    >>> too_large(2**20).detail
    'the body is larger than 1 MiB'
    """
    return HTTPException(413, f"the body is larger than {most // 2**20} MiB", {"connection": "close"})
