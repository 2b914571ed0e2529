"""The explorer's page in its hosts: a server, which the browser enters by a file, and the frame of a notebook."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import convscope as cs
from convscope.explorer import browser as opening
from watched import Opened

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from convscope.explorer.explore import Explorer, serve
from convscope.explorer.server import Serving

pytestmark = pytest.mark.web

HOSTILE = '"</title><script>alert(1)</script>": conv 4 3x3 relu, "<img src=x onerror=alert(1)>": conv 2 3x3'
NET = f"input 28x28x1, {HOSTILE}, gap, linear 10"


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return cs.explore(NET)


@pytest.fixture(scope="module")
def serving(explorer: Explorer, bundle: Path) -> Iterator[Serving]:
    assert bundle.is_dir()
    with serve([explorer, cs.explore("input 8x8x3, other: conv 4 3x3")]) as found:
        yield found


def shown(page: Any) -> None:
    """The page shows the net, and what it is called acts nowhere."""
    verdict = page.locator(".verdict").first
    verdict.wait_for()
    assert "<img src=x onerror=alert(1)> takes" in verdict.inner_text()


def test_the_browser_enters_by_a_file_that_is_for_this_user_alone(
    opened: Opened, serving: Serving, explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def take(url: str) -> bool:
        asked.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", take)
    with opening.opened(serving.url) as found:
        assert found
        (url,) = asked
        path = Path(url.removeprefix("file://"))
        assert path.parent.stat().st_mode & 0o077 == 0
        watched = opened(url)
        watched.page.wait_for_url(serving.page)
        shown(watched.page)
    assert not path.exists()
    assert watched.said == []
    own = f"http://127.0.0.1:{serving.port}/"
    assert [one for one in watched.asked if not one.startswith((own, "file:", "data:", "blob:"))] == []
    assert "token" not in watched.page.url
    assert watched.page.title() == explorer.title
    assert watched.page.evaluate("document.cookie") == ""


def test_the_address_works_as_it_is_typed_and_again(opened: Opened, serving: Serving) -> None:
    for _ in range(2):
        watched = opened(serving.url)
        watched.page.wait_for_url(serving.page)
        watched.page.reload()
        shown(watched.page)
        assert watched.said == []


def test_another_document_by_its_name(opened: Opened, serving: Serving) -> None:
    watched = opened(serving.url)
    watched.page.wait_for_url(serving.page)
    watched.page.goto(f"{serving.page}?document=a-net-of-1-layer")
    watched.page.get_by_text("other").first.wait_for()
    watched.page.goto(f"{serving.page}?document=nothing")
    watched.page.get_by_text("there is no document of that name").first.wait_for()


INLINE = """() => {
  const made = document.createElement("script");
  made.textContent = "window.ran = 1";
  document.body.append(made);
  return window.ran;
}"""

ASK = """async ([method, args]) => {
  const headers = {"Content-Type": "application/json"};
  const answer = await fetch(`call/${method}`, {method: "POST", headers, body: JSON.stringify({args})});
  return [answer.status, await answer.json()];
}"""


def test_the_page_asks_and_no_other_page_does(opened: Opened, serving: Serving) -> None:
    watched = opened(serving.url)
    watched.page.wait_for_url(serving.page)
    net = "input 8x8x1, relu"
    assert watched.page.evaluate(ASK, ["write", {"notation": net}]) == [200, {"text": net}]
    status, found = watched.page.evaluate(ASK, ["read", {"notation": net}])
    assert (status, found["net"]["layers"][0]["op"]) == (200, "relu")
    with Serving(serving_host()) as other:
        page = opened(other.url)
        page.page.wait_for_url(other.page)
        code = f"fetch('{serving.page}document').then(_ => 'read', _ => 'refused')"
        assert page.page.evaluate(code) == "refused"
        assert page.page.evaluate(INLINE) is None


def serving_host() -> Any:
    from convscope.explorer.host import Entry, Host

    return Host({"net": Entry("another server of this machine", b"{}")})


def test_the_frame_of_a_notebook(opened: Opened, explorer: Explorer, bundle: Path, tmp_path: Path) -> None:
    assert bundle.is_dir()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><title>a</title>{explorer._repr_mimebundle_()['text/html']}", encoding="utf-8")
    watched = opened(path.as_uri())
    frame = watched.page.frame_locator("iframe")
    shown(frame)
    frame.get_by_role("button", name="Show all layers as a table").click()
    frame.get_by_text("conv 4 3x3").first.wait_for()
    assert watched.said == []
    assert [one for one in watched.foreign if not one.startswith("about:")] == []
