"""The explorer's Runs: the log and the result are Python's, and can be walked by keyboard."""

from pathlib import Path

import pytest

from convscope.explorer import page
from convscope.explorer.build import document_of, to_json
from convscope.explorer.document import Document
from convscope.training.run import Run
from watched import Opened

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def document(short_run: Run) -> Document:
    return document_of(short_run)


@pytest.fixture(scope="module")
def url(document: Document, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    assert bundle.is_dir()
    path = tmp_path_factory.mktemp("explorer") / "run.html"
    path.write_text(page.one_file(document.title, to_json(document)), encoding="utf-8")
    return f"{path.as_uri()}#view=runs"


def test_the_result_and_the_log_are_those_of_python(opened: Opened, document: Document, url: str) -> None:
    run = document.run
    assert run is not None
    assert run.evaluation is not None
    watched = opened(url)
    view = watched.page
    verdict = view.locator(".verdict").inner_text()
    low, high = (100 * end for end in run.evaluation.interval)
    assert f"classifies {100 * run.evaluation.accuracy:.2f} % of {run.evaluation.count:,} test images" in verdict
    assert f"95 % interval {low:.2f} to {high:.2f} %" in verdict
    view.get_by_role("button", name="Show the log as a table").click()
    rows = [row.split("\t") for row in view.locator(".rows tbody tr").all_inner_texts()]
    assert [int(row[0]) for row in rows] == [one.step for one in run.log]
    assert [float(row[3]) for row in rows] == pytest.approx([one.accuracy for one in run.log], abs=1e-6)
    assert [row[4] for row in rows] == ["\u2013"] * len(rows)  # unknown is not zero
    assert watched.said == []
    assert watched.foreign == []


def test_the_keyboard_moves_the_step(opened: Opened, document: Document, url: str) -> None:
    assert document.run is not None
    log = document.run.log
    view = opened(f"{url}&step={log[0].step}").page
    assert view.locator(".reading-out b").first.inner_text() == f"Step {log[0].step}"
    view.keyboard.press("ArrowRight")
    view.locator(".reading-out b").first.get_by_text(f"Step {log[1].step}", exact=True).wait_for()
    assert f"training accuracy {100 * log[1].accuracy:.2f} %" in view.locator(".reading-out").inner_text()
    view.get_by_role("slider").focus()
    view.keyboard.press("Home")
    view.locator(".reading-out b").first.get_by_text(f"Step {log[0].step}", exact=True).wait_for()


def test_batches_are_counted_as_the_trainer_does(opened: Opened, url: str) -> None:
    view = opened(url).page
    assert "60,000 images ÷ 128 = 468 full batches an epoch" in view.locator(".sum").inner_text()
    assert "the 96 left over are dropped" in view.locator(".sum").inner_text()
    for name, value in (("Images", "1200"), ("Batch", "40"), ("Epochs", "7")):
        view.get_by_role("spinbutton", name=name).fill(value)
    view.locator(".sum").get_by_text("210 steps").wait_for()
    assert "7 \u00d7 30 = 210 steps" in view.locator(".sum").inner_text()
