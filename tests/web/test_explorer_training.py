"""Training from the page in a browser: start, watch, open the run; without Python it says what would help."""

from pathlib import Path

import pytest

import convscope as cs
from watched import Opened

pytestmark = [pytest.mark.web, pytest.mark.usefixtures("bundle")]

NET = "input 28x28x1, conv 8 5x5 s4 relu, linear 10"


def test_a_net_is_trained_and_its_run_is_opened(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with cs.explore(NET).serve() as serving:
        page = opened(serving.url).page
        page.wait_for_selector(".rail")
        page.keyboard.press("2")
        page.locator(".insert input").fill("conv 4 3x3 relu")
        page.get_by_role("button", name="Insert", exact=True).click()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("8")
        page.fill(".training input", "0")
        assert page.is_disabled("text=Start training")
        page.fill(".training input", "0.2")
        page.click("text=Start training")
        page.wait_for_selector("text=It has finished.", timeout=120_000)
        assert page.locator(".curves").count() == 1
        page.click("text=Open this run")
        page.wait_for_selector("text=mnist-page-seed0")
        assert "edit=" not in page.url  # the run is of the net as it was changed: nothing is inserted twice
        page.keyboard.press("7")
        page.wait_for_selector("text=test images are misclassified")
        result = cs.load_run(tmp_path / "runs" / "mnist-page-seed0").result
        assert f"accuracy {100 * result.accuracy:.2f} %" in page.inner_text(".verdict")


def test_a_page_alone_says_what_trains(opened: Opened, tmp_path: Path, short_run: cs.Run) -> None:
    path = cs.explore(short_run).save(tmp_path / "run.html")
    page = opened(path.as_uri() + "#view=runs").page
    assert "convscope explore RUN opens a page that trains." in page.inner_text("section[aria-label=Train]")
