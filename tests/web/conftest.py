"""A browser, pages that are watched, and the explorer's page as it is built."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watched import Opened, Watched

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api")
    where = shutil.which("chromium")
    if where is None:
        pytest.skip("there is no chromium")
    with sync.sync_playwright() as play:
        found = play.chromium.launch(executable_path=where, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """Open an address in a new page: ``opened(url, width=1280, height=900, scheme="light")``."""
    made: list[Any] = []

    def of(url: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Watched:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        made.append(page)
        watched = Watched(page)
        page.goto(url)
        return watched

    yield of
    for page in made:
        page.close()


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The explorer's page, built of today's sources."""
    done = subprocess.run([sys.executable, str(ROOT / "scripts/page")], capture_output=True, text=True, check=False)
    if "deno is not installed" in done.stderr:
        pytest.skip("deno is not installed")
    assert done.returncode == 0, done.stderr
    return ROOT / "src/convscope/explorer/bundle"
