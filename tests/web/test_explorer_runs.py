"""The explorer's Runs: the log and the result are Python's, and can be walked by keyboard."""

from pathlib import Path

import msgspec
import pytest

from convscope.explorer import page
from convscope.explorer.build import to_json
from convscope.explorer.document import Document
from convscope.explorer.document_run import Against, Paired
from convscope.training.intervals import paired_difference
from convscope.training.paired import mcnemar
from watched import Opened

pytestmark = pytest.mark.web


@pytest.fixture
def url(run_page: str) -> str:
    return f"{run_page}#view=runs"


@pytest.fixture
def document(run_document: Document) -> Document:
    return run_document


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
    view.get_by_role("slider", name="Step").focus()
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


def test_multiplied_scores_change_the_loss_alone(opened: Opened, document: Document, url: str) -> None:
    assert document.run is not None
    assert document.run.evaluation is not None
    found = document.run.evaluation
    assert found.sureness is not None
    view = opened(url).page
    assert f"accuracy {100 * found.accuracy:.2f} %, loss {found.loss:.4f}" in view.locator(".scaled").inner_text()
    view.get_by_role("slider", name="Times").press("End")
    view.locator(".scaled").get_by_text(f"{found.sureness.scaled[-1]:.4f}").wait_for(timeout=5000)
    assert f"accuracy {100 * found.accuracy:.2f} %" in view.locator(".scaled").inner_text()


def test_two_runs_are_told_apart_only_if_they_are(
    opened: Opened, document: Document, bundle: Path, tmp_path: Path
) -> None:
    assert document.run is not None
    number = document.images[0].number
    assert number is not None
    verdicts = {}
    for first, second in ((4, 5), (1, 12)):
        p = mcnemar(first, second)
        paired = Paired(
            both=9000,
            only_first=first,
            only_second=second,
            neither=100,
            difference=(second - first) / 10_000,
            interval=paired_difference(second, first, 10_000),
            p=p,
            images=((number, 1, 2, 1),),
        )
        other = msgspec.structs.replace(document.run, name="other")
        both = msgspec.structs.replace(document, against=Against(run=other, notation="input 1x1x1", paired=paired))
        path = tmp_path / f"{first}.html"
        path.write_text(page.one_file(document.title, to_json(both)), encoding="utf-8")
        watched = opened(f"{path.as_uri()}#view=runs")
        verdicts[first] = watched.page.locator("section .verdict").inner_text()
        assert watched.page.locator(".differing button").count() == 1
    assert bundle.is_dir()
    assert verdicts[4].startswith("9 images differ: 4 only ")
    assert verdicts[4].endswith("any series of throws (p = 1.000). Not separable.")
    assert verdicts[1].endswith(
        "That is hardly luck: a fair coin would be as lopsided in 3 of 1,000 series of throws (p = 0.003). "
        "other is better."
    )
