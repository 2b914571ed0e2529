"""The Microscope and the lessons in a browser: the numbers are Python's, and a lesson can be walked through."""

from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.core.graph import INPUT
from convscope.data import DATASETS, load
from convscope.explorer.build import to_json
from convscope.explorer.document import Document
from convscope.explorer.lesson import document_of_lesson
from convscope.explorer.of_run import preparation
from convscope.explorer.page import one_file
from convscope.training.run import Run
from convscope.training.train import model_of
from watched import Opened

pytestmark = pytest.mark.web


def saved(folder: Path, name: str, document: Document) -> str:
    path = folder / f"{name}.html"
    path.write_text(one_file(name, to_json(document)), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def page_of_lesson(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    del bundle
    return saved(tmp_path_factory.mktemp("micro"), "lesson", document_of_lesson("kernel"))


def shown(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_the_numbers_of_a_unit_are_those_of_torch(opened: Opened, run_page: str, short_run: Run) -> None:
    pixels = torch.from_numpy(np.asarray(load(DATASETS["mnist"], "test").images[:1], np.float32)).reshape(1, 1, 28, 28)
    how = preparation(short_run.dataset)
    with torch.no_grad():
        given = {INPUT: (pixels / 255 - how.mean[0]) / how.std[0]}
        values = model_of(short_run).values(given, ["conv1", "bn1", "relu1", "conv2"])
    page = opened(run_page + "#view=micro&layer=conv1&channel=3&unit=6,7&image=0").page
    for key, (y, x) in (("", (6, 7)), ("ArrowRight", (6, 8)), ("ArrowDown", (7, 8))):
        if key:
            page.keyboard.press(key)
        page.wait_for_function(f"document.querySelector('.verdict').textContent.startsWith('Unit {y}, {x} ')")
        found = [shown(text) for text in page.locator(".sums div:not(:nth-child(2)) dd:nth-child(2)").all_inner_texts()]
        assert found == pytest.approx(
            [float(values[name][0, 3, y, x]) for name in ("conv1", "bn1", "relu1")], abs=0.0051
        )
        assert shown(page.inner_text(".verdict b")) == found[0]
    page = opened(run_page + "#view=micro&layer=conv2&channel=5&unit=3,4&image=0").page
    assert shown(page.inner_text(".verdict b")) == pytest.approx(float(values["conv2"][0, 5, 3, 4]), abs=0.0051)
    adds = [shown(text) for text in page.locator(".adds li b").all_inner_texts()]
    rest = shown(page.inner_text(".adds li:last-child").split(": ")[1])
    assert sum(adds) + rest == pytest.approx(float(values["conv2"][0, 5, 3, 4]), abs=0.05)  # nine rounded numbers


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_keeps_nobody_out(opened: Opened, run_page: str, scheme: str, width: int) -> None:
    watched = opened(run_page + "#view=micro&layer=conv2", width=width, scheme=scheme)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.said == []
    assert watched.serious() == {}


def test_the_first_lesson(opened: Opened, page_of_lesson: str) -> None:
    page = opened(page_of_lesson).page
    verdict = ".verdict b"
    sums = []
    for _ in range(5):
        sums.append(shown(page.inner_text(verdict)))
        page.keyboard.press("ArrowRight")
    assert sums == [0, 30, 30, 0, 0]
    assert "The five sums are 0, 30, 30, 0 and 0." in page.inner_text(".lesson")
    page.click(".lesson >> text=Next")
    page.wait_for_selector(verdict, state="hidden")  # covered until there is a prediction
    page.check("text=On the right, where the image is bright")
    page.click("text=Predict, then look")
    page.wait_for_selector(verdict, state="visible")
    assert "You predicted: On the right" in page.inner_text(".lesson")
    page.click(".lesson >> text=Next")
    page.click(".presets >> text=Blur")
    assert shown(page.inner_text(verdict)) == 3.33
    page.click(".presets >> text=Sharpen")
    assert shown(page.inner_text(verdict)) == -10
    page.click(".lesson >> text=Next")
    assert shown(page.inner_text(verdict)) == 30
    page.click(".presets >> text=Turned")
    assert shown(page.inner_text(verdict)) == -30
    assert "cross-correlation" in page.inner_text(".lesson")


def test_the_question_of_a_lesson(opened: Opened, page_of_lesson: str) -> None:
    page = opened(page_of_lesson).page
    page.click("[aria-label=Question]")
    for answer, said in (("23", "Add 1 for the starting position."), ("24", "24 is right.")):
        page.fill(".asked input", answer)
        page.keyboard.press("Enter")
        assert said in page.inner_text(".lesson")


def test_an_image_that_is_none_is_refused_in_words(opened: Opened, page_of_lesson: str, tmp_path: Path) -> None:
    bad = tmp_path / "notes.png"
    bad.write_bytes(b"no image at all")
    watched = opened(page_of_lesson)
    watched.page.set_input_files("input[type=file]", bad)
    watched.page.wait_for_selector(".notice")
    assert "notes.png is not an image that the browser can read." in watched.page.inner_text(".notice")
    assert watched.said == []


def test_the_lesson_of_the_field(opened: Opened, bundle: Path, tmp_path: Path) -> None:
    del bundle
    watched = opened(saved(tmp_path, "field", document_of_lesson("field")))
    page = watched.page
    for at in range(4):
        page.locator(".fieldbar").nth(at).click()
    assert "3, 5, 7, 9, 11: each layer adds 2." in page.inner_text(".lesson")
    page.click(".lesson >> text=Next")
    page.fill(".asked input", "22")
    page.keyboard.press("Enter")
    assert "12, not 22" in page.inner_text(".lesson")
    assert "You predicted: 22." in page.inner_text(".lesson")
    assert watched.said == []
