"""A browser that talks to the explorer's server, as far as tests need one."""

from __future__ import annotations

import json
import re
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from convscope.explorer.server import Serving

PATIENCE = 60.0
"""Seconds after which a test gives up on an answer; nothing is claimed about less."""

OWN = {"Sec-Fetch-Site": "same-origin"}


class Browser:
    """Has swapped the token for the cookie."""

    def __init__(self, serving: Serving) -> None:
        self.port = serving.port
        self.address = f"127.0.0.1:{serving.port}"
        self.token = serving.url.partition("token=")[2]
        answer, text = self.ask("GET", f"/?token={self.token}")
        self.path = re.findall(r"url=(/[0-9a-f]+/)", text.decode())[0]
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.entry = answer

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """Send a request with these headers alone; the answer and its body."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            link.request(method, path, body, headers or {})
            answer = link.getresponse()
            return answer, answer.read()
        finally:
            link.close()

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        """Ask for something below the page, with the cookie."""
        return self.ask("GET", self.path + path, headers={"Cookie": self.cookie, **headers})

    def call(self, method: str, **args: Any) -> tuple[int, Any]:
        """Ask a question as the page does; its status and its answer."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/json", **OWN}
        answer, text = self.ask("POST", f"{self.path}call/{method}", json.dumps({"args": args}).encode(), headers)
        return answer.status, json.loads(text)
