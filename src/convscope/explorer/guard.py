"""Who may ask the server: the browser that was given its address, for pages of the server itself.

Any page in the user's browser can send requests to a server of this machine, and so can any other user of the machine.
A request is answered only if it names this server as its host, carries the cookie that was handed out for the token in
the opening address, and comes from a page of this server.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECRET = 24
"""Size of the token and of the cookie: 192 bits [byte]."""

NAME = re.compile(r"[a-z0-9-]{1,64}")
"""What a document is called in an address."""

LONGEST = 16 * 2**10
"""The longest headers [byte]."""

HOSTS = ("127.0.0.1", "localhost")
"""Names of this server. The port is not compared, since one may be forwarded from another machine."""

KINDS = ("application/json", "application/octet-stream")
"""What may be sent. A form of another page can send neither."""

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content security policy of every answer: scripts and styles are files of this server."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}

ENTRY = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={to}">'
    '<link rel="icon" href="data:,"><title>Convscope</title></head>'
    '<body><p><a href="{to}">Open the explorer</a></p></body></html>'
)
"""What the token is swapped for: a page, not a redirect, as a browser that comes from another page would not send a
strict cookie after a redirect."""


@dataclass(frozen=True)
class Keys:
    """The secrets of a server.

    Attributes:
        token: is in the opening address.
        cookie: what the browser is given for it.
        folder: the path below which everything is. Cookies do not tell ports apart; this one is sent to no other
            server of the machine, since none has that path.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET), repr=False)
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET), repr=False)
    folder: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def path(self) -> str:
        """The path of the page."""
        return f"/{self.folder}/"


class Guard:
    """Middleware that lets through what is allowed, and sets the headers of every answer.

    Args:
        app: what is guarded.
        keys: the secrets.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app: ASGIApp = app
        self.keys: Keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self.refused(scope)
        answer = self.entered(scope) if refusal is None else JSONResponse({"what": refusal[1]}, refusal[0])
        await (answer or self.app)(scope, receive, sealed)

    def refused(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the reason if a request is not answered."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if sum(len(name) + len(value) for name, value in headers.raw) > LONGEST:
            return 431, "the headers are too long"
        if not is_own(host):
            return 421, "this server has another name"
        if self.is_entry(scope):
            return None
        if not self.has_cookie(headers):
            return 403, "open the address that convscope explore printed; it is another one each time"
        if scope["method"] in {"GET", "HEAD"}:
            if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
                return 403, "the request comes from another page"
            return None
        if not is_same_origin(headers, host):
            return 403, "the request comes from another page"
        if headers.get("content-type", "").partition(";")[0].strip().lower() not in KINDS:
            return 415, f"the content is not {' or '.join(KINDS)}"
        return None

    def is_entry(self, scope: Scope) -> bool:
        """Return whether a request has the token."""
        if scope["path"] != "/" or scope["method"] != "GET":
            return False
        given = asked_in(scope, "token")
        return len(given) == 1 and compare_digest(given[0].encode(), self.keys.token.encode())

    def has_cookie(self, headers: Headers) -> bool:
        """Return whether a request has the cookie."""
        given = re.findall(r"(?:^|;)\s*convscope=([^;]*)", "; ".join(headers.getlist("cookie")))
        return any(compare_digest(one.encode(), self.keys.cookie.encode()) for one in given)

    def entered(self, scope: Scope) -> HTMLResponse | None:
        """Return the page that swaps the token for the cookie, for a request that has the token."""
        if not self.is_entry(scope):
            return None
        name = asked_in(scope, "document")
        to = self.keys.path + (f"?document={name[0]}" if len(name) == 1 and NAME.fullmatch(name[0]) else "")
        answer = HTMLResponse(ENTRY.format(to=to))
        answer.set_cookie("convscope", self.keys.cookie, path=self.keys.path, httponly=True, samesite="strict")
        return answer


def asked_in(scope: Scope, key: str) -> list[str]:
    """Return the values of a key in the address of a request."""
    return parse_qs(scope["query_string"].decode("latin-1")).get(key, [])


def is_own(host: str) -> bool:
    """Return whether a Host header names this server.

    >>> [is_own(host) for host in ("127.0.0.1:8000", "localhost", "evil.example:8000", "127.0.0.1.evil.example", "")]
    [True, True, False, False, False]
    """
    name, mark, port = host.lower().partition(":")
    return name in HOSTS and (port.isascii() and port.isdigit() if mark else True)


def is_same_origin(headers: Headers, host: str) -> bool:
    """Return whether a request that changes something comes from a page of this server, by what the browser states."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    return site in {None, "same-origin"} and origin in {None, f"http://{host.lower()}"}
