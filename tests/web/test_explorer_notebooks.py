"""The explorer in notebooks, as they are exported and as they are seen: each program that is installed is tried."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watched import Opened

pytestmark = pytest.mark.web

CELL = "import convscope as cs\ncs.explore('input 28x28x1, conv 4 3x3 relu, gap, linear 10')"
VERDICT = "conv1 takes 99 % of the MACs; linear1 holds 56 % of the params."


def ours(said: list[str]) -> list[str]:
    """Complaints of our page; those of the program, which asks for its own parts elsewhere, are not."""
    return [one for one in said if "net::ERR_" not in one]


def test_a_notebook_that_is_run_and_exported(opened: Opened, bundle: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    nbconvert = pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    assert bundle.is_dir()
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(made, timeout=600).execute()
    (output,) = made.cells[0].outputs
    assert set(output["data"]) == {"text/html", "text/plain"}  # not the widget, which would need Python
    path = tmp_path / "notebook.html"
    path.write_text(nbconvert.HTMLExporter().from_notebook_node(made)[0], encoding="utf-8")
    watched = opened(path.as_uri())
    frame = watched.page.frame_locator("iframe")
    frame.get_by_text(VERDICT).wait_for()
    frame.get_by_role("button", name="Show all layers as a table").click()
    frame.get_by_text("conv 4 3x3").first.wait_for()
    assert ours(watched.said) == []


MARIMO = """
import marimo
app = marimo.App()

@app.cell
def _():
    import convscope as cs
    page = cs.explore("input 28x28x1, conv 4 3x3 relu, gap, linear 10")
    page
    return (page,)

@app.cell
def _(page):
    page.widget()
    return
"""


def test_a_notebook_of_marimo_that_is_exported(browser: Any, bundle: Path, tmp_path: Path) -> None:
    """Both the frame and the widget; marimo's own front end is given from its package, as it asks for it elsewhere."""
    marimo = pytest.importorskip("marimo")
    pytest.importorskip("anywidget")
    assert bundle.is_dir()
    source, path = tmp_path / "notebook.py", tmp_path / "notebook.html"
    source.write_text(MARIMO, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "marimo", "export", "html", source, "-o", path], check=True, cwd=tmp_path)
    static = Path(marimo.__file__).parent / "_static"
    page = browser.new_page()
    page.route(re.compile("https://cdn[.]jsdelivr[.]net/.*"), lambda route: given(route, static))
    page.goto(path.as_uri())
    page.frame_locator("iframe").get_by_text(VERDICT).wait_for()
    page.get_by_text(VERDICT).wait_for()
    page.close()


def given(route: Any, static: Path) -> None:
    path = static / route.request.url.partition("/dist/")[2].partition("?")[0]
    if not path.is_file():
        route.abort()
        return
    kind = {".js": "text/javascript", ".css": "text/css"}.get(path.suffix, "application/octet-stream")
    route.fulfill(path=str(path), headers={"access-control-allow-origin": "*", "content-type": kind})


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab with a notebook; its address."""
    pytest.importorskip("jupyterlab")
    pytest.importorskip("anywidget")
    nbformat = pytest.importorskip("nbformat")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, tmp_path / "a.ipynb")
    words = [
        "--no-browser",
        "--allow-root",
        "--port=0",
        "--IdentityProvider.token=abc",
        f"--ServerApp.root_dir={tmp_path}",
    ]
    command = [sys.executable, "-m", "jupyterlab", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr
        found = next(filter(None, (re.search(r"http://127[.]0[.]0[.]1:\d+/lab", line) for line in process.stderr)))
        yield f"{found[0]}/tree/a.ipynb?token=abc"
        process.terminate()
        process.communicate()


def test_jupyterlab_shows_the_widget_which_asks_python(lab: str, opened: Opened, bundle: Path) -> None:
    assert bundle.is_dir()
    watched = opened(lab)
    page = watched.page
    page.locator(".jp-Cell .cm-content").first.click(timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
    page.keyboard.press("Shift+Enter")
    page.get_by_text(VERDICT).wait_for(timeout=120_000)
    assert len(page.frames) == 1
    assert [one for one in watched.foreign if not one.startswith(lab.partition("/lab")[0])] == []
