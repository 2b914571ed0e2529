"""The report in a real browser, light and dark: nothing is asked for, nothing goes wrong, nothing keeps readers out."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import convscope as cs
from convscope.training.run import Run

sync = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.web

SMALLEST = """Math.min(...[...document.querySelectorAll('svg')].flatMap(svg => {
  const zoom = Math.round(svg.getBoundingClientRect().width) / Math.round(svg.viewBox.baseVal.width)
  return [...svg.querySelectorAll('text')].map(text => zoom * parseFloat(text.getAttribute('font-size')))
}))"""
"""The smallest text of all drawings, as it appears on the screen [pixel]."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    where = shutil.which("chromium")
    if where is None:
        pytest.skip("there is no chromium")
    with sync.sync_playwright() as play:
        found = play.chromium.launch(executable_path=where, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def path(short_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cs.report(short_run).save(tmp_path_factory.mktemp("page") / "report.html")


@pytest.mark.parametrize("width", [1100, 420, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(browser: Any, path: Path, scheme: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    assert [url for url in asked if not url.startswith("data:image/png")] == [path.as_uri()]
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide parts scroll by themselves
    images = page.eval_on_selector_all("svg image", "all => all.map(one => one.getBoundingClientRect().width)")
    assert len(images) > 20
    assert min(images) > 0
    assert page.evaluate(SMALLEST) >= 11
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 24, 27)")
    found = axe.Axe().run(page).response["violations"]
    serious = {one["id"]: one["help"] for one in found if one["impact"] in {"serious", "critical"}}
    assert serious == {}
    page.close()
