"""The explorer's server: who is answered, with what, and that its secrets stay secret."""

import json
import logging
import socket
import struct
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

import convscope as cs
from convscope.errors import FieldError, MachineError
from convscope.training.run import Run
from served import OWN, Browser

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from convscope.explorer import calls, page
from convscope.explorer.explore import serve
from convscope.explorer.host import Entry, Host
from convscope.explorer.server import Serving, bound

NET = "input 8x8x1, conv 4 3x3 relu"
BLOB = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
DOCUMENT = b'{"schema":"convscope/explorer/1","title":"<script>alert(1)</script>"}'
HOST = Host({"net": Entry("<script>alert(1)</script>", DOCUMENT, {BLOB: "YWJj"}), "other-2": Entry("b", b"{}")})


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch, Serving(HOST) as found:
        patch.setattr(page, "part", lambda name: f"/* {name} */")
        patch.setattr("convscope.explorer.routes.part", lambda name: f"/* {name} */")
        yield found


@pytest.fixture(scope="module")
def browser(serving: Serving) -> Browser:
    return Browser(serving)


FIVE = Path(__file__).parents[2] / "docs" / "images" / "five.png"
PATHS = ("", "page.js", "page.css", "document", "document/net", "documents", f"blob/{BLOB}")
ROUTES = (*PATHS, "events", "call/read", "call/write", "nothing", "../etc/passwd")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_with_the_cookie_gets_everything(browser: Browser, path: str) -> None:
    answer, text = browser.get(path)
    assert answer.status == 200
    assert text


def test_every_route_and_method_needs_the_cookie(browser: Browser) -> None:
    stale = {"Cookie": f"convscope={'x' * 32}"}
    for path in (*(browser.path + route for route in ROUTES), "/", "/?token=", "/?token=a", "/favicon.ico", "*"):
        for method in METHODS:
            for headers in ({}, stale):
                sent = {**headers, **OWN, "Content-Type": "application/json"}
                answer, text = browser.ask(method, path, b"{}" if method == "POST" else None, sent)
                assert answer.status == 403, (method, path)
                assert "set-cookie" not in answer.headers
                assert b"convscope/explorer" not in text


def test_the_cookie_is_strict_and_is_sent_to_no_other_server(browser: Browser) -> None:
    parts = browser.entry.headers["set-cookie"].split("; ")
    assert {part.lower() for part in parts[1:]} == {"httponly", "samesite=strict", f"path={browser.path}"}
    assert len(parts[0].partition("=")[2]) == len(browser.token) == 32  # 192 bits in base64
    assert browser.token not in parts[0]


def test_the_token_is_good_at_the_entry_alone(browser: Browser) -> None:
    assert browser.ask("GET", f"{browser.path}document?token={browser.token}")[0].status == 403
    assert browser.ask("POST", f"/?token={browser.token}", b"{}", OWN)[0].status == 403
    assert browser.ask("GET", f"/?token={browser.token}&token={browser.token}")[0].status == 403


HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "2130706433:{port}",
    "localhost.:{port}",
    "localhost:x",
)


def test_a_request_must_name_this_server(browser: Browser) -> None:
    for host in HOSTS:
        for path in (f"{browser.path}document", f"/?token={browser.token}"):
            sent = {"Cookie": browser.cookie, "Host": host.format(port=browser.port)}
            answer, _ = browser.ask("GET", path, headers=sent)
            assert answer.status in {400, 421}, host
            assert "set-cookie" not in answer.headers
    for host in ("127.0.0.1", "localhost:{port}", "LOCALHOST:8888"):  # also through a port that is forwarded
        sent = {"Cookie": browser.cookie, "Host": host.format(port=browser.port)}
        assert browser.ask("GET", f"{browser.path}document", headers=sent)[0].status == 200


ELSEWHERE: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_another_page_asks_in_vain(browser: Browser, headers: dict[str, str]) -> None:
    sent = {key: value.format(port=browser.port) for key, value in headers.items()}
    sent |= {"Cookie": browser.cookie, "Content-Type": "application/json"}
    body = json.dumps({"args": {"notation": NET}}).encode()
    assert browser.ask("POST", f"{browser.path}call/write", body, sent)[0].status == 403
    site = headers.get("Sec-Fetch-Site", "none")
    status = 200 if site in {"none", "same-origin"} else 403
    assert browser.get("document", **{"Sec-Fetch-Site": site})[0].status == status


def test_the_page_itself_is_answered_by_either_header(browser: Browser) -> None:
    body = json.dumps({"args": {"notation": NET}}).encode()
    for own in (OWN, {"Origin": f"http://{browser.address}"}):
        sent = {"Cookie": browser.cookie, "Content-Type": "application/json; charset=utf-8", **own}
        assert browser.ask("POST", f"{browser.path}call/write", body, sent)[0].status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_is_not_read(browser: Browser, kind: str) -> None:
    sent = {"Cookie": browser.cookie, "Content-Type": kind, **OWN}
    assert browser.ask("POST", f"{browser.path}call/write", b"{}", sent)[0].status == 415


def test_every_answer_has_the_headers(browser: Browser) -> None:
    answers = [browser.entry, browser.get("")[0], browser.get("nothing")[0], browser.ask("GET", "/")[0]]
    answers += [browser.ask("GET", "/", headers={"Host": "evil.example"})[0], browser.get("document")[0]]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert "immutable" in browser.get(f"blob/{BLOB}")[0].headers["cache-control"]


def test_the_page_has_no_script_of_its_own_and_names_are_inert(browser: Browser) -> None:
    text = browser.get("")[1].decode()
    assert text.count("<script") == 1
    assert '<script type="module" src="page.js"></script>' in text
    assert "&lt;script&gt;alert(1)" in text
    assert "style=" not in text


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "A", "a_b", "x" * 65, "net/", "net%00"])
def test_documents_have_names_and_no_paths(browser: Browser, name: str) -> None:
    assert browser.get(f"document/{name}")[0].status == 404
    assert browser.get(f"blob/{name}")[0].status == 404


def test_documents_by_name(browser: Browser) -> None:
    assert browser.get("document")[1] == browser.get("document/net")[1] == DOCUMENT
    assert browser.get("document/other-2")[1] == b"{}"
    assert [one["id"] for one in json.loads(browser.get("documents")[1])] == ["net", "other-2"]
    assert browser.get(f"blob/{BLOB}")[1] == b"abc"


def test_questions_and_errors_with_their_fields(browser: Browser) -> None:
    assert browser.call("write", notation=NET) == (200, {"text": NET})
    status, found = browser.call("write", notation="input 8x8x1, conv 4 9x9")
    assert (status, found["kind"]) == (422, "ShapeError")
    assert found["what"] == "conv1: a window of 9 does not fit into 8"
    assert found["excerpt"].splitlines()[1].strip("^ ") == ""
    assert browser.call("wirte") == (404, {
        "kind": "UnknownNameError", "what": 'there is no question "wirte"', "expected": "one of image, read, write",
        "attempt": "write",
    })  # fmt: skip
    assert browser.call("write", notation=NET, to="c")[0] == 404
    assert browser.call("write", notation=NET, document="other-2")[0] == 200
    for name in ("nothing", "../net", 3):
        assert browser.call("write", notation=NET, document=name)[0] == 404
    assert browser.call("write", notation=1)[0] == 422
    assert browser.call("write", notation=NET, path="/etc/passwd")[0] == 422
    for body in (b"", b"{", b"[]", b'{"args": 1}', b'{"args": {}, "more": {}}', b"[" * 100_000, b"\xff"):
        sent = {"Cookie": browser.cookie, "Content-Type": "application/json", **OWN}
        assert browser.ask("POST", f"{browser.path}call/write", body, sent)[0].status == 400


@pytest.mark.parametrize(
    "source",
    ["hf:me/net", "torchvision:resnet18", "/etc/passwd", "net.onnx", "mine.py:Net", "-", "https://a.example/b"],
)
def test_nothing_that_a_page_names_is_opened_or_fetched(
    browser: Browser, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    for place in ("read", "hub.fetched", "file_text", "stdin_text", "named.model"):
        monkeypatch.setattr(f"convscope.frontends.{place}", never)
    for method in ("read", "write"):
        status, found = browser.call(method, notation=source)
        assert (status, found["kind"]) == (422, "NotationError")


def upload(
    browser: Browser, content: bytes, query: str = "size=28x28x1&name=five.png", method: str = "image"
) -> tuple[int, Any]:
    sent = {"Cookie": browser.cookie, "Content-Type": "application/octet-stream", **OWN}
    answer, text = browser.ask("POST", f"{browser.path}call/{method}?{query}", content, sent)
    return answer.status, json.loads(text)


def test_an_image_is_scaled_to_the_size_of_the_net(browser: Browser) -> None:
    status, found = upload(browser, FIVE.read_bytes())
    assert status == 200
    assert (found["name"], found["shape"], len(b64decode(found["pixels"]))) == ("five.png", [28, 28, 1], 784)
    status, found = upload(browser, FIVE.read_bytes(), "size=7x9x3&name=../../etc/<b>")
    assert (status, found["name"], found["shape"]) == (200, "<b>", [7, 9, 3])


def huge() -> bytes:
    """The headers of a PNG of 100,010,000 pixels, and no pixel."""
    header = struct.pack(">IIBBBBB", 10_001, 10_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", crc32(chunk)) + b"\0\0\4\0IDAT"


@pytest.mark.parametrize(
    ("content", "query", "what"),
    [
        (b"", "size=8x8x1", "is not an image"),
        (b"%!PS-Adobe-3.0", "size=8x8x1", "is a PostScript file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "size=8x8x1", "is an SVG drawing"),
        (FIVE.read_bytes()[:100], "size=8x8x1", "five.png"),
        (huge(), "size=8x8x1", "pixels"),
        (FIVE.read_bytes(), "size=8x8x2", "is not the size of an image"),
        (FIVE.read_bytes(), "size=99999x99999x1", "is not the size of an image"),
        (FIVE.read_bytes(), "size=a", "a"),
        (FIVE.read_bytes(), "", "size"),
        (FIVE.read_bytes(), "size=8x8x1&path=/etc/passwd", "path"),
    ],
    ids=["empty", "postscript", "svg", "cut", "huge", "channels", "large", "text", "none", "more"],
)
def test_bad_images_are_one_clear_error(browser: Browser, content: bytes, query: str, what: str) -> None:
    status, found = upload(browser, content, f"{query}&name=five.png" if query else query)
    assert status == 422
    assert what in found["what"]


def test_no_log_line_has_the_token(
    serving: Serving, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.NOTSET):
        for name in ("uvicorn.error", "uvicorn.access", "asyncio"):
            caplog.set_level(5, name)
        browser = Browser(serving)
        browser.get("document")
        browser.call("write", notation="input")
        browser.ask("GET", f"/?token={browser.token}", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        with socket.create_connection(("127.0.0.1", browser.port)) as link:
            link.sendall(f"GET /?token={browser.token} HTTP/9\r\n\r\n".encode())
            link.recv(99)
    printed = "".join(capfd.readouterr())
    secrets = (browser.token, browser.cookie.partition("=")[2])
    assert not [one for one in secrets if one in caplog.text or one in printed or one in repr(serving)]


def test_a_fault_of_ours_is_answered_and_logged(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(calls.METHODS, "write", calls.Method(calls.Written, broken, "confirm"))
    sent = {"Cookie": browser.cookie, "Content-Type": "application/json", **OWN}
    answer, text = browser.ask("POST", f"{browser.path}call/write", b'{"args": {"notation": ""}}', sent)
    assert answer.status == 500
    assert b"Traceback" not in text
    assert answer.headers["x-content-type-options"] == "nosniff"
    browser.get("document")  # the fault is logged after its answer
    assert "ZeroDivisionError" in caplog.text


def test_ports() -> None:
    with bound(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=f"port {port} of this machine cannot be used") as found:
            Serving(HOST, port)
        assert found.value.attempt == "--port 0, which takes a free one"
        assert taken.getsockname()[0] == "127.0.0.1"
    for port in (-1, 65536):
        with pytest.raises(FieldError, match="is not a port"):
            bound(port)


def test_a_run_predicts_what_is_uploaded(short_run: Run) -> None:
    with serve([cs.explore(NET), cs.explore(short_run)]) as serving:
        browser = Browser(serving)
        names = [one["id"] for one in json.loads(browser.get("documents")[1])]
        assert 'data-capabilities="confirm predict train upload"' in browser.get("")[1].decode()
        status, found = upload(browser, FIVE.read_bytes(), f"name=five.png&document={names[1]}", "predict")
        assert status == 200
        (one,) = found["images"]
        (expected,) = cs.predict(short_run, FIVE)
        assert one["image"] == "five.png"
        assert one["probabilities"] == pytest.approx(expected.probabilities)
        assert expected.pixels is not None
        assert b64decode(one["pixels"]) == expected.pixels.tobytes()
        status, found = upload(
            browser, FIVE.read_bytes(), "name=five.png", "predict"
        )  # of the net, which has no weights
        assert (status, found["expected"]) == (404, "one of image, read, write")
        status, found = upload(browser, b"GIF89a", f"name=a.gif&document={names[1]}", "predict")
        assert (status, found["kind"]) == (422, "ImageError")
        assert found["what"].startswith("a.gif ")
        blob = cs.explore(short_run).document.blobs
        key = next(iter(blob))
        assert browser.get(f"blob/{key}")[1] == b64decode(blob[key])
