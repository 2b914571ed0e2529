"""Reach on the explorer's page: fields are Python's, the pointer is followed at once, the keyboard does the same."""

import re
from pathlib import Path
from typing import Any

import pytest

import convscope as cs
from convscope.explorer.build import to_json
from convscope.explorer.lesson import document_of_lesson
from convscope.explorer.page import one_file
from explored import NETS, net_of, plain, saved
from watched import Opened, Watched

pytestmark = [pytest.mark.web, pytest.mark.usefixtures("bundle")]

UNITS = {
    "small": [("conv1", (0, 0)), ("conv2", (23, 0)), ("maxpool1", (5, 7)), ("conv4", (9, 9)), ("gap1", (0, 0))],
    "residual": [("conv1", (0, 31)), ("add3", (16, 3)), ("conv13", (1, 2)), ("add11", (8, 15))],
    "inception": [("cat1", (0, 27)), ("conv4", (13, 13))],
    "unet": [("conv3", (15, 0)), ("up1", (9, 9)), ("conv4", (31, 1)), ("conv6", (40, 20))],
}
"""Units of layers, at borders and inside."""


def words(watched: Watched) -> str:
    """Return the sentence about the unit."""
    return plain(watched.page.locator(".unitwords").text_content())


def read(text: str) -> tuple[tuple[int, int], ...]:
    """Return the rows and columns that a sentence names."""
    ranges = re.findall(r"(?:rows|columns) (\d+)(?:-(\d+))?", text)
    return tuple((int(first), int(last or first)) for first, last in ranges)


@pytest.mark.parametrize("name", list(UNITS))
def test_fields_are_those_of_python(opened: Opened, tmp_path: Path, name: str) -> None:
    net = net_of(name)
    watched = opened(f"{saved(net, tmp_path)}#view=reach")
    for layer, unit in UNITS[name]:
        watched.page.evaluate(f"location.hash = 'view=reach&layer={layer}&unit={unit[0]},{unit[1]}'")
        watched.page.locator(".unitwords", has_text=f" {layer} ").wait_for()
        shape = next(one.output for one in net.layers if one.node.name == layer)
        found = net.field(layer, at=unit if shape[1:] != (1, 1) else None)
        assert read(words(watched)) == found.box, layer
    assert watched.foreign == watched.said == []


def test_a_verdict_in_words(opened: Opened, tmp_path: Path) -> None:
    url = saved(net_of("small"), tmp_path)
    page = opened(f"{url}#view=reach&layer=conv3&object=8").page

    def verdict() -> str:
        return plain(page.locator(".verdict").text_content()).strip()

    assert verdict() == (
        "A unit of conv3 sees 6x6 px: an object of 8 px does not fit. "
        "The first layer whose field covers it is conv4 (10x10)."
    )
    page.locator(".objectline").focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert verdict().startswith("A unit of conv3 sees 6x6 px: an object of 6 px fits.")
    page.locator(".objectsize input").fill("28")
    assert verdict().endswith("The first layer whose field covers it is gap1 (28x28).")
    page.locator(".fieldbar").nth(5).click()
    assert verdict().startswith("A unit of gap1 sees 28x28 px: an object of 28 px fits.")


def dragged(page: Any, down: float) -> str:
    """Drag the line of the object size; return what it says then."""
    pill = page.locator(".objectline .pill").bounding_box()
    x, y = pill["x"] + pill["width"] / 2, pill["y"] + pill["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + down, steps=4)
    page.mouse.up()
    return str(page.locator(".objectline").get_attribute("aria-valuenow"))


def test_the_line_is_dragged_and_undone_as_one(opened: Opened, tmp_path: Path) -> None:
    page = opened(f"{saved(net_of('small'), tmp_path)}#view=reach&object=28").page
    assert 1 <= int(dragged(page, 60)) < 28
    page.keyboard.press("Control+z")
    assert page.locator(".objectline").get_attribute("aria-valuenow") == "28"


def test_the_keyboard_moves_the_unit(opened: Opened, tmp_path: Path) -> None:
    watched = opened(f"{saved(net_of('small'), tmp_path)}#view=reach&layer=conv2&unit=0,0")
    watched.page.keyboard.press("ArrowDown")
    watched.page.keyboard.press("ArrowRight")
    watched.page.keyboard.press("ArrowRight")
    watched.page.keyboard.press("ArrowUp")
    watched.page.keyboard.press("ArrowUp")
    watched.page.wait_for_timeout(50)
    assert words(watched) == "Unit 0, 2 of conv2 reads rows 0-4 and columns 2-6."


HOVER = """async () => {
  const svg = document.querySelector('svg.strip'), box = svg.getBoundingClientRect()
  performance.clearMeasures()
  for (let i = 0; i < 80; i++) {
    const where = {clientX: box.left + 4 + i % 80, clientY: box.top + 12 + i % 60, bubbles: true}
    svg.dispatchEvent(new PointerEvent('pointermove', where))
    await new Promise(requestAnimationFrame)
  }
  return performance.getEntriesByName('convscope-reach').length
}"""
"""Move over the units, one position for each of 80 frames; return how often the field was drawn."""


def test_the_pointer_is_followed_at_once(opened: Opened, tmp_path: Path) -> None:
    watched = opened(f"{saved(net_of('residual'), tmp_path)}#view=reach")
    before = watched.page.evaluate("location.hash")
    drawn: list[int] = []
    assert watched.busy(lambda: drawn.append(watched.page.evaluate(HOVER))) / 80 < 0.008
    assert drawn[0] > 40
    watched.page.wait_for_timeout(200)
    assert watched.page.evaluate("location.hash") == before


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_readers_out(opened: Opened, tmp_path: Path, scheme: str, width: int) -> None:
    watched = opened(f"{saved(net_of('unet'), tmp_path)}#view=reach", width=width, scheme=scheme)
    watched.page.wait_for_timeout(200)  # the view fades in
    assert watched.serious() == {}
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.foreign == watched.said == []


def test_the_weight_of_the_pixels_is_that_of_python(opened: Opened, tmp_path: Path) -> None:
    net = net_of("unet")
    watched = opened(f"{saved(net, tmp_path)}#view=reach&field=weight&layer=conv4&unit=31,1")
    found = net.field("conv4", at=(31, 1)).effective.std
    wanted = " x ".join(dict.fromkeys(f"{std:.2f}" for std in found))
    watched.page.get_by_text("With equal weights everywhere, pixels weigh").wait_for()
    words = plain(watched.page.get_by_text("With equal weights everywhere, pixels weigh").text_content())
    assert words.endswith(f"= {wanted} px.")
    assert watched.page.locator("canvas.weights").count() == 1
    watched.page.get_by_role("button", name="Box", exact=True).click()
    assert watched.page.locator("canvas.weights").count() == 0
    watched.page.locator(".fieldbar .within").first.wait_for(state="attached")
    assert watched.foreign == watched.said == []


def test_a_box_around_an_object_is_its_size(opened: Opened, tmp_path: Path) -> None:
    page = opened(f"{saved(net_of('small'), tmp_path)}#view=reach&layer=conv4").page
    place = page.locator(".imageframe .pixels").bounding_box()
    pixel = place["width"] / 28
    page.mouse.move(place["x"] + 4 * pixel, place["y"] + 4 * pixel)
    page.mouse.down()
    page.mouse.move(place["x"] + 10 * pixel, place["y"] + 16 * pixel, steps=5)
    page.mouse.up()
    assert page.locator(".objectsize input").input_value() == "12"
    assert "an object of 12 px does not fit" in plain(page.locator(".verdict").text_content())


def test_a_lesson_covers_what_is_to_be_predicted(opened: Opened, tmp_path: Path) -> None:
    for name, step, hidden in (("two-3x3", 2, ".numbers"), ("field", 1, ".verdict")):
        path = tmp_path / f"{name}.html"
        path.write_text(one_file(name, to_json(document_of_lesson(name))), encoding="utf-8")
        page = opened(path.as_uri()).page
        page.locator(f"[aria-label^='Step {step + 1} of']").click()
        page.locator(hidden).wait_for(state="hidden")
        assert not page.locator(".totals").is_visible()
        assert not page.locator(".side").is_visible()


@pytest.mark.parametrize(
    ("net", "reads"),
    [
        ("line", "Unit 15 of conv1 reads steps 15-19."),
        ("input 16x16x16x1, conv 8 3x3x3 s2", "Unit 3, 3, 3 of conv1 reads slices 6-8, rows 6-8 and columns 6-8."),
    ],
)
def test_a_signal_and_a_volume_are_no_images(opened: Opened, tmp_path: Path, net: str, reads: str) -> None:
    watched = opened(f"{saved(cs.read(NETS.get(net, net)), tmp_path)}#view=reach&layer=conv1")
    unit = reads.split(" of ", maxsplit=1)[0].removeprefix("Unit ").split(", ")
    watched.page.goto(f"{watched.page.url}&unit={','.join([*['0'] * (2 - len(unit)), *unit][-2:])}")
    watched.page.wait_for_timeout(100)
    assert words(watched) == reads
    assert watched.page.locator("text=Use my image").count() == 0
    if net == "line":
        watched.page.keyboard.press("4")
        assert "The net takes 64x4, and the page looks at images only." in plain(watched.page.inner_text(".stage"))
