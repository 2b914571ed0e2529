"""Every view of many kinds of nets, in a file, from a server and in a notebook: nothing fails, nothing is fetched."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.explorer.explore import Explorer, in_attribute, serve
from convscope.explorer.server import Serving
from convscope.training.run import Run
from explored import NETS, plain
from watched import Opened, Watched

pytestmark = pytest.mark.web

TRACED = ("torchvision:resnet50", "torchvision:convnext_tiny")
COLOUR = "input 32x32x3, conv 8 3x3 s2 bn relu, conv 8 3x3 s2 relu, gap, linear 3"
NAMES = ("MNIST", "colour", *NETS, *TRACED)


@pytest.fixture(scope="module")
def explorers(bundle: Path, short_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Explorer]:
    """A page for each of the nets and runs."""
    assert bundle.is_dir()
    draw = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = draw.integers(0, 90, (120, 3, 32, 32)) + 55 * labels[:, None, None, None]
    run = cs.train(COLOUR, data=(images.astype(np.uint8), labels), epochs=2, out=tmp_path_factory.mktemp("runs"))
    made = {"MNIST": cs.explore(short_run), "colour": cs.explore(run)}
    for name, source in (NETS | {name: name for name in TRACED}).items():
        if name in TRACED and not find_spec("torchvision"):
            continue
        made[name] = cs.explore(source)
    return made


@pytest.fixture(scope="module")
def serving(explorers: dict[str, Explorer]) -> Iterator[Serving]:
    with serve(list(explorers.values())) as found:
        yield found


def walked(watched: Watched, explorer: Explorer) -> None:
    """Open each view by its key; the totals are the table's, and each view has its question and says something."""
    page = watched.page
    page.locator(".rail").wait_for()
    totals = explorer.document.net.totals
    if totals.exact and totals.params < 10**6:
        assert f"Params\n{totals.params:,}" in plain(page.inner_text(".totals"))
    questions = set()
    for key in "12345678":
        page.keyboard.press(key)
        page.locator(".view h1").wait_for()
        page.wait_for_timeout(60)
        questions.add(page.inner_text(".view h1"))
        assert re.search(r"\w\w+", page.inner_text(".view").replace(page.inner_text(".view h1"), ""))
        assert not page.locator(".sorry").count(), page.inner_text(".sorry")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(questions) == 8
    assert watched.said == []


@pytest.mark.parametrize("name", NAMES)
def test_every_view_in_a_file(opened: Opened, explorers: dict[str, Explorer], name: str, tmp_path: Path) -> None:
    if name not in explorers:
        pytest.skip("its library is not installed")
    path = explorers[name].save(tmp_path / "page.html")
    assert path.stat().st_size <= 5_000_000
    watched = opened(path.as_uri())
    walked(watched, explorers[name])
    assert watched.foreign == []


def test_every_view_from_a_server(opened: Opened, explorers: dict[str, Explorer], serving: Serving) -> None:
    watched = opened(serving.url)
    page = watched.page
    page.wait_for_url(serving.page)
    names = page.evaluate("fetch('documents').then(answer => answer.json())")
    assert len(names) == len(explorers)
    for one, explorer in zip(names, explorers.values(), strict=True):
        page.goto(f"{serving.page}?document={one['id']}")
        walked(watched, explorer)
    assert all(url.startswith((f"http://127.0.0.1:{serving.port}/", "blob:", "data:")) for url in watched.asked)


def test_every_view_in_the_frame_of_a_notebook(opened: Opened, explorers: dict[str, Explorer], tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    page = in_attribute(explorers["MNIST"].to_html())
    path.write_text(
        f'<iframe sandbox="allow-scripts allow-downloads" style="width:100%;height:800px" srcdoc="{page}"></iframe>',
        encoding="utf-8",
    )
    watched = opened(path.as_uri())
    inside = watched.page.frame_locator("iframe")
    inside.locator(".rail").wait_for()
    for at in range(8):
        inside.locator(".rail button").nth(at).click()
        inside.locator(".view h1").wait_for()
    assert "What is needed to repeat it" in inside.locator(".view").inner_text()
    assert watched.said == []
