"""The Bench of the explorer's page: what is changed there has the numbers of Python; errors bring what mends them."""

from pathlib import Path
from typing import Any

import pytest

import convscope as cs
from explored import NETS, net_of, plain, saved
from watched import Opened, Watched

pytestmark = [pytest.mark.web, pytest.mark.usefixtures("bundle")]

TABLE = """() => [...document.querySelectorAll('.sheet tbody tr:not([aria-hidden])')].map(row =>
  [...row.querySelectorAll('th, td')].map(cell => cell.textContent))"""


def text_of(page: Any) -> str:
    """Return the text of the net."""
    return str(page.locator("#notation").input_value()).replace("\n", " ")


def verdict(page: Any) -> str:
    """Return the sentence at the top."""
    return plain(page.locator(".verdict").text_content()).strip()


def equals_python(page: Any) -> bool:
    """Return whether every number of the changed net is that of Python for its text."""
    table = cs.read(text_of(page)).table()
    page.get_by_role("button", name="Map", exact=True).click()
    page.get_by_role("button", name="Show all layers as a table").click()
    rows = [list(map(plain, row)) for row in page.evaluate(TABLE)]
    wanted = [
        [row.op, "x".join(map(str, (*row.out[1:], row.out[0]))), f"{row.params:,}", f"{row.macs:,}"]
        for row in table.rows
    ]
    fields = ["x".join(str(axis.size) for axis in row.field) for row in table.rows]
    page.get_by_role("button", name="Bench", exact=True).click()
    assert len(rows) >= min(50, len(wanted))  # a long table holds the rows that can be seen
    return [row[1:5] for row in rows] == wanted[: len(rows)] and [row[7] for row in rows] == fields[: len(rows)]


def opened_bench(opened: Opened, folder: Path, name: str, more: str = "") -> Watched:
    """Open the Bench with one of the nets."""
    watched = opened(f"{saved(net_of(name), folder)}#view=bench{more}")
    watched.page.locator("#notation").wait_for()
    return watched


def test_settings_are_typed_stepped_and_undone(opened: Opened, tmp_path: Path) -> None:
    watched = opened_bench(opened, tmp_path, "small")
    page = watched.page
    assert verdict(page).startswith("Nothing is changed yet.")
    page.get_by_label("Kernel", exact=True).fill("5x5")
    assert verdict(page).startswith("MACs 2.94 M → 6.45 M (+119 %); params 6,884 → 15,076 (+119 %).")
    page.get_by_label("Channels", exact=True).focus()
    page.keyboard.press("ArrowUp")
    assert "conv 36 5x5" in text_of(page)
    page.get_by_label("Padding", exact=True).fill("same")
    assert equals_python(page)
    page.keyboard.press("Control+z")
    assert "same" not in text_of(page)
    for _ in range(2):
        page.keyboard.press("Control+z")
    assert verdict(page).startswith("Nothing is changed yet.")
    page.keyboard.press("Control+y")
    assert "conv 32 5x5" in text_of(page)
    assert watched.said == watched.foreign == []


def test_an_error_at_its_layer_with_what_mends_it(opened: Opened, tmp_path: Path) -> None:
    watched = opened_bench(opened, tmp_path, "small")
    page = watched.page
    page.get_by_label("Groups", exact=True).fill("5")
    alert = page.locator(".broken")
    assert alert.locator("h2").text_content() == "conv2: groups=5 does not divide in_channels=16"
    assert "given 26x26x16 from relu1" in str(alert.text_content())
    assert page.locator(".totals dd").first.text_content() == "unknown"
    assert page.locator(".unknownbox").count() == 6  # conv2 and the columns after it
    alert.get_by_role("button", name="conv2: groups = 4").click()
    assert alert.count() == 0
    assert equals_python(page)
    page.get_by_label("Groups", exact=True).fill("x")
    assert "is not a value of groups" in str(page.locator(".setting .wrong").all_text_contents())
    assert watched.said == watched.foreign == []


def test_layers_are_inserted_and_removed(opened: Opened, tmp_path: Path) -> None:
    watched = opened_bench(opened, tmp_path, "residual", "&layer=conv1")
    page = watched.page
    page.get_by_label("Insert after conv1").fill("conv 16 1x1 bn relu")
    page.keyboard.press("Enter")
    assert "New: " in verdict(page)
    assert equals_python(page)
    page.get_by_role("button", name="Remove").click()
    page.get_by_label("Insert after").fill("nonsense")
    page.keyboard.press("Enter")
    assert "nonsense" in str(page.locator(".insert .wrong").text_content())
    page.wait_for_timeout(300)
    text, address = text_of(page), page.evaluate("location.hash")
    page.reload()
    assert text_of(page) == text
    assert page.evaluate("location.hash") == address
    page.get_by_role("button", name="Back to the start").click()
    assert text_of(page).replace(" ", "") == NETS["residual"].replace(" ", "") or verdict(page).startswith("Nothing")
    assert watched.said == watched.foreign == []


def test_the_text_is_changed(opened: Opened, tmp_path: Path) -> None:
    watched = opened_bench(opened, tmp_path, "small")
    page = watched.page
    page.locator("#notation").fill("input 28x28x1, conv 8 3x3 relu,\nconvv 16 3x3, gap")
    assert str(page.locator(".notationtext .wrong").text_content()).startswith("Line 2, column 1: ")
    assert page.get_by_role("button", name="Use this text").is_disabled()
    page.locator("#notation").fill("input 28x28x1, conv 8 3x3 relu,\nconv 16 3x3 d2, gap")
    page.keyboard.press("Control+Enter")
    assert verdict(page).startswith("MACs 2.94 M → ")
    assert equals_python(page)
    assert page.get_by_role("button", name="Copy as PyTorch").is_disabled()
    assert watched.said == watched.foreign == []


EDITS = """async () => {
  const verdict = document.querySelector('.verdict')
  for (let i = 0; i < 40; i++) {
    const seen = new Promise(done => new MutationObserver((_, own) => { own.disconnect(); done() })
      .observe(verdict, {subtree: true, childList: true, characterData: true}))
    document.querySelector(`[aria-label="Channels ${i % 2 ? 'down' : 'up'}"]`).click()
    await Promise.race([seen, new Promise(done => setTimeout(done, 1000))])
    await new Promise(requestAnimationFrame)
  }
}"""
"""Change the channels up and down, 40 times, each until the new numbers are there."""


def test_new_numbers_are_there_at_once(opened: Opened, tmp_path: Path) -> None:
    watched = opened_bench(opened, tmp_path, "residual", "&layer=conv2")
    watched.page.get_by_role("button", name="Channels up").click()
    assert watched.busy(lambda: watched.page.evaluate(EDITS)) / 40 < 0.050


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_readers_out(opened: Opened, tmp_path: Path, scheme: str, width: int) -> None:
    edit = '%5B{"kind":"set","layer":"conv2","field":"groups","value":5}%5D'
    watched = opened(f"{saved(net_of('small'), tmp_path)}#view=bench&edit={edit}", width=width, scheme=scheme)
    watched.page.locator(".broken").wait_for()
    watched.page.wait_for_timeout(200)  # the view fades in
    assert watched.serious() == {}
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.said == watched.foreign == []


def test_a_stride_changes_the_macs_and_not_the_params(opened: Opened, tmp_path: Path) -> None:
    page = opened_bench(opened, tmp_path, "small", "&layer=conv2").page
    page.get_by_label("Stride", exact=True).fill("2")
    assert verdict(page).startswith("MACs 2.94 M → 796 k (\u221273 %); the params stay as they are.")


def test_a_net_that_does_not_fit_is_unknown_in_every_view(opened: Opened, tmp_path: Path) -> None:
    net = cs.read("input 28x28x1, conv 8 5x5 s4 relu, conv 12 5x5 relu, linear 10")
    watched = opened(f"{saved(net, tmp_path)}#view=bench")
    page = watched.page
    channels = page.get_by_label("Channels", exact=True)
    channels.fill("1")  # another layer is now the dearest; the one that is changed stays selected
    channels.fill("2")
    assert "conv 2 5x5" in text_of(page)
    assert page.locator(".bench h2").first.inner_text().startswith("conv2")
    page.get_by_label("Kernel", exact=True).fill("40x40")
    assert "does not fit" in verdict(page)
    for view, said in {"Map": "known MACs", "Reach": "The size of conv2 is unknown", "Microscope": "no image"}.items():
        page.get_by_role("button", name=view, exact=True).click()
        assert said in page.inner_text(".stage")
    page.keyboard.press("3")
    page.wait_for_timeout(400)  # until the address says so
    page.evaluate("location.hash = location.hash.replace('layer=conv2', 'layer=conv1')")
    page.wait_for_selector("text=No layer shown here")
    assert "Infinity" not in page.inner_text(".stage")
    assert watched.said == []
