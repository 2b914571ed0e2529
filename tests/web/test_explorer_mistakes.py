"""The explorer's Mistakes: the numbers are Python's, the keyboard suffices, names are text, many images scroll."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from convscope.data import registry
from convscope.explorer import page
from convscope.explorer.build import to_json
from convscope.explorer.document import Document
from convscope.lens.image import input_image, nothing
from convscope.lens.mistakes import mistakes
from convscope.lens.occlusion import occlusion, window
from convscope.lens.subject import subject
from convscope.training.evaluate import scores_of
from convscope.training.evaluate_run import evaluate_run, predictions_of
from convscope.training.run import Run
from convscope.training.train import model_of
from watched import Opened

pytestmark = pytest.mark.web

CELL = '[role="gridcell"]'
HOSTILE = '</script><img src=x onerror="document.title=1">' + "\u202e" + "x" * 300


def written(document: Document, path: Path, bundle: Path) -> Path:
    assert bundle.is_dir()
    path.write_text(page.one_file(document.title, to_json(document)), encoding="utf-8")
    return path


def test_the_matrix_is_that_of_python(opened: Opened, run_page: str, short_run: Run) -> None:
    found = evaluate_run(short_run)
    watched = opened(f"{run_page}#view=mistakes")
    cells = watched.page.locator(CELL)
    assert cells.count() == 100
    assert [int(text or 0) for text in cells.all_inner_texts()] == [n for row in found.confusion for n in row]
    verdict = watched.page.locator(".verdict").inner_text()
    low, high = (100 * end for end in found.interval)
    assert f"{found.count - found.hits:,} of {found.count:,} test images are misclassified" in verdict
    assert f"accuracy {100 * found.accuracy:.2f} %, 95 % interval {low:.2f} to {high:.2f} %" in verdict
    assert watched.said == []
    assert watched.foreign == []


def test_the_keyboard_walks_cells_and_images(opened: Opened, run_page: str, run_document: Document) -> None:
    watched = opened(f"{run_page}#view=mistakes&cell=0,0")
    view = watched.page
    view.locator(f'{CELL}[tabindex="0"]').focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowDown", "End"):
        view.keyboard.press(key)
    assert "cell=2,9" in address(view)
    assert view.locator(":focus").get_attribute("aria-label").startswith("true 2, predicted 9")
    view.locator(".frequent button").first.press("Enter")
    view.locator('.frequent [aria-pressed="true"]').wait_for()
    cell = tuple(map(int, address(view).partition("&cell=")[2].split(",")))
    held = [one for one in run_document.images if (one.truth, one.predicted) == cell]
    names = [one.name for one in sorted(held, key=lambda one: -(one.probability or 0))]
    assert view.locator(".entry").first.inner_text().split()[0] == names[0].removeprefix("test:")
    for key, at in (("]", 1), ("[", 0), ("[", -1)):
        view.keyboard.press(key)
        view.locator(".one h2").get_by_text(names[at], exact=True).wait_for(timeout=5000)
    assert watched.said == []


def address(view: Any) -> str:
    view.wait_for_timeout(200)  # the address is written at most every 150 ms
    return str(view.url)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1000, "dark"), (390, "light")])
@pytest.mark.parametrize("name", ["mistakes", "runs"])
def test_nobody_is_kept_out(opened: Opened, run_page: str, name: str, width: int, scheme: str) -> None:
    watched = opened(f"{run_page}#view={name}", width=width, scheme=scheme)
    watched.page.locator(".verdict").first.wait_for()
    watched.page.evaluate("Promise.all(document.getAnimations().map(one => one.finished)).then(() => 0)")
    assert watched.serious() == {}
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.page.locator(".stage").evaluate("one => one.scrollWidth <= one.clientWidth")
    assert watched.said == []


def test_names_are_text_and_nothing_else(opened: Opened, run_document: Document, bundle: Path, tmp_path: Path) -> None:
    images = tuple(msgspec.structs.replace(one, name=f"{HOSTILE}{at}") for at, one in enumerate(run_document.images))
    classes = tuple(f"{HOSTILE}{at}" for at in range(10))
    renamed = msgspec.structs.replace(run_document, images=images, classes=classes)
    watched = opened(f"{written(renamed, tmp_path / 'names.html', bundle).as_uri()}#view=mistakes", width=900)
    view = watched.page
    assert view.locator(CELL).count() == 100
    assert view.locator(".view img").count() == 0
    assert view.title() == run_document.title
    assert view.evaluate("document.documentElement.scrollWidth") <= 900
    assert view.locator(".stage").evaluate("one => one.scrollWidth <= one.clientWidth")
    assert watched.said == []


def test_two_thousand_images_scroll_smoothly(
    opened: Opened, run_document: Document, bundle: Path, tmp_path: Path
) -> None:
    many = tuple(
        msgspec.structs.replace(run_document.images[at % len(run_document.images)], name=f"test:{at}", number=at)
        for at in range(2000)
    )
    crowded = msgspec.structs.replace(run_document, images=many)
    watched = opened(f"{written(crowded, tmp_path / 'many.html', bundle).as_uri()}#view=mistakes")
    view = watched.page
    view.get_by_role("button", name="All images").click()
    assert watched.busy(lambda: view.evaluate(SCROLLED)) / FRAMES < 1 / 60
    assert view.locator(".entry").count() < 120
    assert view.locator(".entry").last.get_attribute("aria-posinset") == "2000"
    assert watched.said == []


FRAMES = 240

SCROLLED = f"""async () => {{
  const wall = document.querySelector(".wall")
  for (let at = 0; at <= {FRAMES}; at++) {{
    wall.scrollTop = at / {FRAMES} * wall.scrollHeight
    await new Promise(requestAnimationFrame)
  }}
  await new Promise(done => setTimeout(done, 100))
}}"""
"""Scroll the gallery from top to end."""


def test_what_is_missing_says_why(opened: Opened, run_document: Document, bundle: Path, tmp_path: Path) -> None:
    assert run_document.run is not None
    away = msgspec.structs.replace(
        run_document, run=msgspec.structs.replace(run_document.run, evaluation=None), images=()
    )
    watched = opened(f"{written(away, tmp_path / 'away.html', bundle).as_uri()}#view=mistakes")
    assert "convscope explore RUN --data DATA" in watched.page.locator(".absent").inner_text()
    watched.page.keyboard.press("8")
    assert "unknown" in watched.page.locator(".verdict").inner_text()
    assert watched.said == []


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").removesuffix(" %"))


def test_the_split_is_that_of_python_and_sums_up(
    opened: Opened, run_page: str, short_run: Run, run_document: Document
) -> None:
    image = next(one for one in run_document.images if one.truth != one.predicted)
    expected = mistakes(subject(short_run), image.name)
    found = opened(f"{run_page}#view=mistakes&image={run_document.images.index(image)}").page
    found.locator(".why tbody tr").first.wait_for(timeout=20_000)
    rows = [row.split("\t") for row in found.locator(".why tbody tr").all_inner_texts()]
    parts = {row[0].strip(): number(row[-1]) for row in rows}
    for channel, part in expected.split.largest(8):
        assert parts[f"channel {channel}"] == pytest.approx(part, abs=6e-4)
    assert parts["bias"] == pytest.approx(expected.split.bias, abs=6e-4)
    assert sum(parts.values()) == pytest.approx(expected.split.difference, abs=1e-2)
    assert f"{expected.split.difference:+.3f}".replace("-", "\u2212") in found.locator(".why h3").inner_text()
    scores = found.get_by_role("table", name="Scores and probabilities").locator("tbody tr").all_inner_texts()
    assert image.scores is not None
    assert [number(row.split("\t")[-2]) for row in scores] == pytest.approx(image.scores, abs=5e-3)
    near = found.locator(".near canvas").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert [text.split(",")[0] for text in near] == [one.name for one in expected.nearest]


def test_a_threshold_counts_what_a_person_must_look_at(opened: Opened, run_page: str, short_run: Run) -> None:
    predicted = predictions_of(short_run, short_run.dataset)
    view = opened(f"{run_page}#view=mistakes").page
    heights = view.locator(".sureness .missed").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert max(heights) > 20  # the misclassified images are seen
    slider = view.get_by_role("slider", name="Below")
    slider.focus()
    for key, percent in (("", 80), ("ArrowLeft", 79), ("Home", 0)):
        if key:
            slider.press(key)
        below = predicted.confidence < percent / 100
        words = (
            f"looks at the {below.sum():,} images ({100 * below.mean():.1f} %) of which the net is less than "
            f"{percent} % sure sees {(below & ~predicted.right).sum():,} of the {(~predicted.right).sum():,} mistakes"
        )
        view.locator(".caught").get_by_text(words if percent else "at least 0 % sure of every image").wait_for(
            timeout=5000
        )


def wrong_image(document: Document) -> Any:
    return next(one for one in document.images if one.truth != one.predicted)


def test_covered_patches_are_those_of_python(
    opened: Opened, run_page: str, short_run: Run, run_document: Document
) -> None:
    image = wrong_image(run_document)
    mine, named = subject(short_run), input_image(subject(short_run), image.name)
    with torch.inference_mode():
        heat = occlusion(
            lambda x: mine.model(x).flatten(1).double() @ contrast(image, 10),
            named.taken,
            nothing(mine)[0],
            *(zip(window(28), window(28), strict=True)),
        )
    watched = opened(f"{run_page}#view=mistakes&image={run_document.images.index(image)}")
    found = watched.page.locator(".marked")
    found.locator(".checked").wait_for(timeout=20_000)
    most = float(heat.abs().max())
    assert f"\u2212{most:.3f} to +{most:.3f}" in found.locator(".heatmap .lab").inner_text()
    at = int(heat.abs().argmax())
    found.get_by_role("slider").focus()
    for _ in range(at // 28 + 1):  # the first key goes to the first pixel
        found.get_by_role("slider").press("ArrowDown")
    for _ in range(at % 28):
        found.get_by_role("slider").press("ArrowRight")
    value = f"{float(heat.flatten()[at]):+.3f}".replace("-", "\u2212")
    found.get_by_text(f"row {at // 28}, column {at % 28}: {value}").wait_for(timeout=5000)
    assert watched.said == []


def contrast(image: Any, classes: int) -> torch.Tensor:
    weights = torch.zeros(classes, dtype=torch.float64)
    weights[image.predicted], weights[image.truth] = 1, -1
    return weights


def test_a_drawn_pixel_changes_the_scores_as_in_python(
    opened: Opened, run_page: str, short_run: Run, run_document: Document
) -> None:
    image = wrong_image(run_document)
    pixels = np.array(registry.load(short_run.dataset, "test").images[image.number])
    pixels[0, 14, 14] = 0 if pixels[0, 14, 14] else 255
    expected = scores_of(model_of(short_run), pixels[None], short_run.dataset)[0]
    watched = opened(f"{run_page}#view=mistakes&image={run_document.images.index(image)}")
    found = watched.page.locator(".pencil")
    if not pixels[0, 14, 14]:
        found.get_by_role("button", name="Eraser").press("Enter")
    found.locator(".paper").press("Space")
    found.get_by_text("1 pixel changed").wait_for(timeout=5000)
    first = f"{expected[0]:+.2f}".replace("-", "\u2212")
    found.locator("tbody tr").first.get_by_text(first).wait_for(timeout=5000)
    rows = found.locator("tbody tr").all_inner_texts()
    assert [number(row.split("\t")[-2]) for row in rows] == pytest.approx(expected, abs=6e-3)
    found.get_by_role("button", name="Start again").press("Enter")
    found.get_by_text("0 pixels changed").wait_for(timeout=5000)
    assert watched.said == []


def test_many_classes_are_one_drawing_to_walk(
    opened: Opened, run_document: Document, bundle: Path, tmp_path: Path
) -> None:
    many = msgspec.structs.replace(run_document, classes=tuple(f"class {at}" for at in range(120)))
    watched = opened(f"{written(many, tmp_path / 'many.html', bundle).as_uri()}#view=mistakes&cell=3,118")
    view = watched.page
    drawing = view.locator(".shades")
    drawing.press("ArrowRight")
    drawing.press("ArrowRight")
    drawing.press("ArrowDown")
    assert "cell=4,119" in address(view)
    assert "true class 4, predicted class 119: 0 images" in drawing.get_attribute("aria-label")
    drawing.click(position={"x": 1, "y": 1})
    view.get_by_role("status").get_by_text("true class 0, predicted class 0: ").wait_for(timeout=5000)
    view.evaluate("Promise.all(document.getAnimations().map(one => one.finished)).then(() => 0)")
    assert watched.serious() == {}
    assert watched.said == []


def test_a_net_without_its_weights_says_so(
    opened: Opened, run_document: Document, bundle: Path, tmp_path: Path
) -> None:
    why = "The weights are left out: it has 25.6 M parameters, and the page runs nets of up to 2.00 M."
    layers = tuple(
        msgspec.structs.replace(
            layer, weights=tuple(msgspec.structs.replace(one, blob=None) for one in layer.weights or ())
        )
        for layer in run_document.net.layers
    )
    large = msgspec.structs.replace(
        run_document, net=msgspec.structs.replace(run_document.net, layers=layers), left_out=(why,)
    )
    watched = opened(f"{written(large, tmp_path / 'large.html', bundle).as_uri()}#view=mistakes")
    view = watched.page
    for part in (".why", ".marked"):
        assert why in view.locator(part).inner_text()
    assert view.locator(".pencil").count() == 0
    assert view.get_by_role("table", name="Scores and probabilities").count() == 1
    view.keyboard.press("5")
    view.locator(".view > .note").get_by_text(why).wait_for(timeout=5000)
    assert watched.said == []
