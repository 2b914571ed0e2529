"""The report in a real browser, light and dark: nothing is asked for, nothing goes wrong, nothing keeps readers out."""

from pathlib import Path

import pytest

import convscope as cs
from convscope.training.run import Run
from watched import Opened

pytestmark = pytest.mark.web

SMALLEST = """Math.min(...[...document.querySelectorAll('svg')].flatMap(svg => {
  const zoom = Math.round(svg.getBoundingClientRect().width) / Math.round(svg.viewBox.baseVal.width)
  return [...svg.querySelectorAll('text')].map(text => zoom * parseFloat(text.getAttribute('font-size')))
}))"""
"""The smallest text of all drawings, as it appears on the screen [pixel]."""


@pytest.fixture(scope="module")
def path(short_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cs.report(short_run).save(tmp_path_factory.mktemp("page") / "report.html")


@pytest.mark.parametrize("width", [1100, 420, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(opened: Opened, path: Path, scheme: str, width: int) -> None:
    watched = opened(path.as_uri(), width=width, scheme=scheme)
    page = watched.page
    assert watched.foreign == []
    assert watched.said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide parts scroll by themselves
    images = page.eval_on_selector_all("svg image", "all => all.map(one => one.getBoundingClientRect().width)")
    assert len(images) > 20
    assert min(images) > 0
    assert page.evaluate(SMALLEST) >= 11
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 24, 27)")
    assert watched.serious() == {}
