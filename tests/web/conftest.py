"""A browser, pages that are watched, and the explorer's page as it is built."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convscope.explorer.build import document_of, to_json
from convscope.explorer.document import Document
from convscope.explorer.page import one_file
from convscope.training.run import Run
from watched import Opened, Watched

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
def run_document(short_run: Run) -> Document:
    """What the explorer shows of a run."""
    return document_of(short_run)


@pytest.fixture(scope="session")
def run_page(run_document: Document, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the explorer's page about that run, in one file."""
    assert bundle.is_dir()
    path = tmp_path_factory.mktemp("explorer") / "run.html"
    path.write_text(one_file(run_document.title, to_json(run_document)), encoding="utf-8")
    return path.as_uri()
