"""The explorer's page in its hosts: a server, which the browser enters by a file, and the frame of a notebook."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import convscope as cs
from convscope.explorer import browser as opening
from convscope.explorer.build import document_of
from convscope.explorer.document import Document
from convscope.training.run import Run
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
    monkeypatch.setattr("webbrowser.get", str)
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


def test_the_bench_copies_what_python_writes(opened: Opened, serving: Serving) -> None:
    watched = opened(serving.url)
    page = watched.page
    page.wait_for_url(serving.page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{serving.page}#view=bench")
    page.get_by_role("button", name="Copy as PyTorch").click()
    page.get_by_text("Copied").wait_for()
    assert "class Net(nn.Module):" in page.evaluate("navigator.clipboard.readText()")
    assert watched.said == []


def test_python_confirms_what_is_changed_and_checks_it(opened: Opened, serving: Serving) -> None:
    watched = opened(serving.url)
    page = watched.page
    page.wait_for_url(serving.page)
    page.goto(f"{serving.page}#view=bench")
    page.locator("#notation").fill("input 28x28x1, conv 16 3x3 s2, conv 16 4x4 s4, gap, linear 10")
    page.get_by_role("button", name="Use this text").click()
    text = page.locator("#notation").input_value().replace("\n", " ")
    total = cs.read(text).table()
    page.get_by_text(f"Python agrees: {total.params.value:,} params, {total.macs.value:,} MACs.").wait_for()
    for finding in cs.check(text).findings:
        page.get_by_text(finding.what).first.wait_for()
    assert watched.said == []


EVIL = "<img src=x onerror=alert(1)>\u202e</script><script>alert(2)</script>{{1}}'\"`${alert(3)}"


@pytest.fixture(scope="module")
def hostile(short_run: Run) -> Document:
    """A run in which everything that a person may name is named so."""
    made = document_of(short_run)
    assert made.run is not None
    renamed = {layer.name: f"{layer.name}{EVIL}" for layer in made.net.layers}
    layers = [
        replace(one, name=renamed[one.name], inputs=tuple(renamed.get(name, name) for name in one.inputs), text=EVIL)
        for one in made.net.layers
    ]
    net = replace(
        made.net,
        layers=tuple(layers),
        outputs=tuple(replace(one, name=EVIL, layer=renamed[one.layer]) for one in made.net.outputs),
        places=tuple(replace(one, layer=renamed.get(one.layer, one.layer)) for one in made.net.places),
        peak=replace(made.net.peak, layer=renamed.get(made.net.peak.layer, made.net.peak.layer), live=()),
        notes=(EVIL,),
    )
    run = replace(made.run, name=EVIL, recipe=EVIL, data=replace(made.run.data, name=EVIL), activity=())
    images = tuple(replace(one, name=f"{at}{EVIL}.png") for at, one in enumerate(made.images))
    classes = tuple(f"{at}{EVIL}" for at, _ in enumerate(made.classes))
    return replace(made, title=EVIL, net=net, run=run, images=images, classes=classes, left_out=(EVIL,))


def test_names_act_in_no_view(opened: Opened, hostile: Document, bundle: Path) -> None:
    assert bundle.is_dir()
    with serve([Explorer(hostile)]) as serving:
        watched = opened(serving.url)
        page = watched.page
        dialogs: list[str] = []

        def note(dialog: Any) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", note)
        page.wait_for_url(serving.page)
        for view in ("map", "bench", "reach", "micro", "channel", "health", "mistakes", "runs"):
            page.goto(f"{serving.page}#view={view}")
            page.locator(".stage h1, .stage h2, h1").first.wait_for()
            page.wait_for_timeout(200)
            assert page.locator('img[src="x"]').count() == 0, view
        assert dialogs == []
        assert watched.said == []
        own = f"http://127.0.0.1:{serving.port}/"
        assert [one for one in watched.asked if not one.startswith((own, "data:", "blob:"))] == []


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
