"""The explorer's server under clients that are slow, many, large or gone."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from served import OWN, PATIENCE, Browser

h11 = pytest.importorskip("h11")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from convscope.explorer import calls, connections, events, jobs, uploads  # noqa: E402 -- what it needs may be missing
from convscope.explorer.host import Entry, Host  # noqa: E402
from convscope.explorer.server import Serving  # noqa: E402

pytestmark = pytest.mark.faults

HOST = Host({"net": Entry("net", b"{}")})
SOON = 0.4
"""The deadline of what is too slow, here [second]."""


@pytest.fixture
def serving() -> Iterator[Serving]:
    with Serving(HOST) as found:
        yield found


def test_the_limits_are_those_that_are_promised() -> None:
    assert connections.LIMITS == {h11.IDLE: 10, h11.SEND_BODY: 60}
    assert connections.MOST == 256
    assert uploads.LARGEST == 64 * 2**20
    assert (jobs.WORKERS, jobs.QUEUE) == (2, 16)


def is_closed(link: socket.socket) -> bool:
    """Wait for the end of a connection; False where it does not come."""
    link.settimeout(PATIENCE)
    try:
        while link.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def http_link(port: int) -> HTTPConnection:
    found = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    OPEN.append(found)
    return found


def head(browser: Browser, path: str, size: int, kind: str = "application/json") -> bytes:
    lines = [
        f"POST {browser.path}{path} HTTP/1.1", f"Host: {browser.address}", f"Cookie: {browser.cookie}",
        "Sec-Fetch-Site: same-origin", f"Content-Type: {kind}", f"Content-Length: {size}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


OPEN: list[socket.socket | HTTPConnection] = []
"""What a test has opened."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def open_many(port: int, count: int, first: bytes) -> list[socket.socket]:
    links = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    OPEN.extend(links)
    for link in links:
        link.sendall(first)
    return links


HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@pytest.mark.parametrize("first", [b"", HALF, b"\r\n"], ids=["nothing", "half", "blank"])
def test_half_open_requests_are_closed_and_others_are_answered(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setitem(connections.LIMITS, h11.IDLE, SOON)
    browser = Browser(serving)
    links = open_many(serving.port, 200, first)
    assert browser.get("document")[0].status == 200
    assert all(map(is_closed, links))
    assert browser.get("document")[0].status == 200


@pytest.mark.parametrize("path", ["call/write", "nothing"])
def test_a_body_in_drops_is_cut_off(serving: Serving, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A byte now and then does not help, nor does an answer that was given before the end of the body."""
    monkeypatch.setitem(connections.LIMITS, h11.SEND_BODY, SOON)
    browser = Browser(serving)
    (link,) = open_many(serving.port, 1, head(browser, path, 10_000))
    link.settimeout(SOON / 20)
    for _ in range(1000):
        try:
            link.sendall(b" ")
            if not link.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        pytest.fail("it is still open")


def test_a_header_in_drops_on_a_used_connection_is_cut_off(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.LIMITS, h11.IDLE, SOON)
    browser = Browser(serving)
    (link,) = open_many(serving.port, 1, f"GET / HTTP/1.1\r\nHost: {browser.address}\r\n\r\n".encode())
    assert link.recv(4096).startswith(b"HTTP/1.1 403")
    link.sendall(HALF)
    assert is_closed(link)


def test_no_more_connections_than_the_limit(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 8)
    open_many(serving.port, 8, HALF)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", serving.port)) as further:
            further.settimeout(PATIENCE)
            assert further.recv(4096).startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: ")
            assert is_closed(further)


@pytest.mark.parametrize("large", ["header", "body", "stated", "chunked"])
def test_what_is_too_large_is_refused(serving: Serving, monkeypatch: pytest.MonkeyPatch, large: str) -> None:
    monkeypatch.setattr("convscope.explorer.routes.LONGEST", 10_000)
    browser = Browser(serving)
    sent = {"Cookie": browser.cookie, "Content-Type": "application/json", **OWN}
    path = f"{browser.path}call/write"
    if large == "header":
        assert browser.ask("GET", path, headers={"X": "a" * 100_000})[0].status == 431
        return
    if large == "body":
        found = browser.ask("POST", path, b" " * 20_000, sent)
    elif large == "stated":
        found = browser.ask("POST", path, b"", sent | {"Content-Length": "20000"})
    else:
        link = http_link(serving.port)
        link.request("POST", path, iter([b" " * 5_000] * 4), sent, encode_chunked=True)
        answer = link.getresponse()
        found = answer, answer.read()
    assert found[0].status == 413
    assert json.loads(found[1])["what"].startswith("the body is larger than ")


def test_few_uploads_at_a_time(serving: Serving) -> None:
    browser = Browser(serving)
    begun = head(browser, "call/image?size=8x8x1", 2**26, "application/octet-stream")
    links = open_many(serving.port, 4, begun + b"x" * 2**17)
    sent = {"Cookie": browser.cookie, "Content-Type": "application/octet-stream", **OWN}
    until(lambda: browser.ask("POST", f"{browser.path}call/image?size=8x8x1", b"", sent)[0].status == 503)
    assert browser.get("document")[0].status == 200
    for link in links:
        link.close()
    until(lambda: browser.ask("POST", f"{browser.path}call/image?size=8x8x1", b"", sent)[0].status == 422)


def test_an_image_above_64_mib_is_refused_by_what_is_stated_or_sent(serving: Serving) -> None:
    browser = Browser(serving)
    begun = head(browser, "call/image?size=8x8x1", 2**26 + 1, "application/octet-stream")
    (link,) = open_many(serving.port, 1, begun)
    link.settimeout(PATIENCE)
    assert link.recv(4096).startswith(b"HTTP/1.1 413")
    begun = begun.replace(f"Content-Length: {2**26 + 1}".encode(), b"Transfer-Encoding: chunked")
    (link,) = open_many(serving.port, 1, begun)
    link.settimeout(PATIENCE)
    chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
    with contextlib.suppress(OSError):  # closed before the end
        for _ in range(65):
            link.sendall(chunk)
    assert link.recv(4096).startswith(b"HTTP/1.1 413")


class Slow:
    """Questions that take as long as the test likes."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.count = 0

    def __call__(self, _: Any) -> dict[str, str]:
        self.count += 1
        self.begun.release()
        assert self.may_end.wait(PATIENCE)
        return {}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    found = Slow()
    monkeypatch.setitem(calls.METHODS, "slow", calls.Method(calls.Question, found, "confirm"))
    yield found
    found.may_end.set()


def asked(browser: Browser) -> socket.socket:
    """A connection on which a question waits for its answer."""
    body = b'{"args": {"notation": ""}}'
    (link,) = open_many(browser.port, 1, head(browser, "call/slow", len(body)) + body)
    return link


def until(held: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if held():
            return
        pause.wait(0.01)
    pytest.fail("it does not happen")


def test_two_at_a_time_sixteen_wait_and_the_next_is_told_when_to_ask_again(serving: Serving, slow: Slow) -> None:
    browser = Browser(serving)
    links = [asked(browser) for _ in range(18)]
    until(lambda: serving._pool.inside == 18)
    assert slow.count == 2
    sent = {"Cookie": browser.cookie, "Content-Type": "application/json", **OWN}
    answer, text = browser.ask("POST", f"{browser.path}call/slow", b'{"args": {"notation": ""}}', sent)
    assert (answer.status, json.loads(text)) == (503, {"what": "Python is busy; ask again"})
    assert int(answer.headers["retry-after"]) > 0
    assert browser.get("document")[0].status == 200  # what needs no work is not held up
    slow.may_end.set()
    for link in links:
        link.settimeout(PATIENCE)
        assert link.recv(4096).startswith(b"HTTP/1.1 200")
    until(lambda: serving._pool.inside == 0)
    assert browser.call("slow", notation="")[0] == 200


def test_a_question_whose_client_has_left_is_dropped(serving: Serving, slow: Slow) -> None:
    browser = Browser(serving)
    links = [asked(browser) for _ in range(10)]
    until(lambda: serving._pool.inside == 10)
    for link in links:
        link.close()
    until(lambda: serving._pool.inside == 2)  # those that run
    slow.may_end.set()
    until(lambda: serving._pool.inside == 0)
    assert slow.count == 2


def listening(browser: Browser) -> Any:
    """A stream of reports, after its first line."""
    link = http_link(browser.port)
    link.request("GET", f"{browser.path}events", headers={"Cookie": browser.cookie})
    found = link.getresponse()
    if found.status == 200:
        assert found.headers["content-type"].startswith("text/event-stream")
        assert found.readline().startswith(b"retry:")
        assert found.readline() == b"\n"
    return found


def test_reports_reach_every_page_in_order_and_end_with_the_server() -> None:
    with Serving(HOST) as serving:
        browser = Browser(serving)
        streams = [listening(browser) for _ in range(20)]
        for step in range(50):
            serving.hub.publish("step", step=step, name="a\n\nevent: b")
        for stream in streams:
            lines = [stream.readline() for _ in range(150)]
            assert lines[::3] == [b"event: step\n"] * 50
            assert [json.loads(line.removeprefix(b"data: "))["step"] for line in lines[1::3]] == list(range(50))
    for stream in streams:
        assert stream.read() == b""
    assert not serving._thread.is_alive()
    assert not serving.hub.listeners


def test_listeners_are_limited_and_forgotten(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST", 2)
    browser = Browser(serving)
    streams = [listening(browser) for _ in range(2)]
    assert listening(browser).status == 503
    for one in (*streams, *OPEN):
        one.close()
    until(lambda: not serving.hub.listeners)
    assert listening(browser).status == 200


def test_a_page_that_does_not_read_costs_no_memory(serving: Serving) -> None:
    browser = Browser(serving)
    listening(browser)
    for step in range(20_000):
        serving.hub.publish("step", step=step, text="x" * 1000)
    assert browser.get("document")[0].status == 200
    (listener,) = serving.hub.listeners
    assert len(listener.waiting) <= events.KEPT


def test_the_server_ends_while_questions_run(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    with Serving(HOST) as serving:
        links = [asked(Browser(serving)) for _ in range(4)]
        assert slow.begun.acquire(timeout=PATIENCE)
    assert not serving._thread.is_alive()
    assert all(map(is_closed, links))
    assert not caplog.text
