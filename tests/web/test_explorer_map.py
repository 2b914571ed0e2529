"""The Map of the explorer's page: its numbers are Python's, its folds and keys work, and nothing keeps readers out."""

import json
from pathlib import Path
from typing import Any

import pytest

from convscope.analyze.memory import memory
from convscope.core.net import Net
from convscope.explorer.build import document_of, to_json
from convscope.explorer.page import one_file
from convscope.view.numbers import bytes_text, count_text
from explored import NETS, net_of, plain, saved
from watched import Opened, Watched

pytestmark = [pytest.mark.web, pytest.mark.usefixtures("bundle")]

ROWS = """[...document.querySelectorAll('.numbers tbody tr')].map(row =>
  [row.querySelector('th').textContent, ...[...row.querySelectorAll('td')].map(cell => cell.textContent)])"""
EVERY = 150
"""The address is written at most this often [ms]."""


def shown(page: Any) -> dict[str, list[str]]:
    """Return the numbers below the drawing, by the name of their row."""
    return {name: list(map(plain, cells)) for name, *cells in page.evaluate(ROWS)}


def selected(page: Any) -> str:
    """Return the name of the selected layer in the bar at the top."""
    return str(page.locator(".crumbs b").first.text_content())


def whole_table(page: Any) -> list[list[str]]:
    """Open the table of all layers; return its first rows."""
    page.get_by_role("button", name="Show all layers as a table").click()
    cells = "rows => rows.map(row => [...row.querySelectorAll('th, td')].map(cell => cell.textContent))"
    return [list(map(plain, row)) for row in page.eval_on_selector_all(".sheet tbody tr:not([aria-hidden])", cells)]


def is_clean(watched: Watched) -> bool:
    """Return whether a page asked for nothing from elsewhere and complained of nothing."""
    return not watched.foreign and not watched.said


@pytest.mark.parametrize("name", list(NETS))
def test_numbers_are_those_of_python(opened: Opened, tmp_path: Path, name: str) -> None:
    net = net_of(name)
    watched = opened(saved(net, tmp_path))
    table = net.table()
    drawn = whole_table(watched.page)
    assert len(drawn) >= min(50, len(table.rows))
    for have, row in zip(drawn, table.rows, strict=False):
        out = "x".join(map(str, (*row.out[1:], row.out[0])))
        field = "x".join(str(axis.size) for axis in row.field) if any(axis.size for axis in row.field) else "-"
        costs = [f"{value:,}" for value in (row.params, row.macs, row.activation_bytes) if value is not None]
        assert [*have[:6], have[7].removeprefix("≤ ")] == [row.name, row.op, out, *costs, field]
    totals = watched.page.locator(".totals dd").all_text_contents()
    assert totals[:2] == [f"{table.params.value:,}", count_text(table.macs.value)]
    assert totals[2] == bytes_text(max(moment.bytes for moment in memory(net).timeline))
    assert is_clean(watched)


def test_one_column_for_a_convolution_with_its_norm_and_activation(opened: Opened, tmp_path: Path) -> None:
    page = opened(saved(net_of("small"), tmp_path)).page
    assert page.locator(".names b").all_text_contents() == [
        "input",
        *("conv1", "conv2", "maxpool1", "conv3", "conv4", "gap1", "linear1"),
    ]
    rows = shown(page)
    assert rows["Params"] == ["-", "192", "4,704", "0", "330", "1,488", "0", "170"]
    assert rows["RF"] == ["-", "3x3", "5x5", "6x6", "6x6", "10x10", "28x28", "28x28"]
    assert [cell.removeprefix("▲\u2009") for cell in rows["Live memory"] if "▲" in cell] == ["147 KiB"]
    assert page.locator(".verdict").text_content() == "conv2 takes 90 % of the MACs and holds 68 % of the params."


def test_long_nets_are_folded_and_unfold(opened: Opened, tmp_path: Path) -> None:
    net = net_of("residual")
    watched = opened(saved(net, tmp_path))
    page = watched.page
    before = shown(page)
    assert 4 <= len(before["Params"]) <= 12
    columns = page.locator(".names b").count()
    page.get_by_role("button", name="Unfold Stage 1").click()
    assert page.locator(".names b").count() > columns
    page.get_by_role("button", name="Unfold all").click()
    total = net.table().params.value
    assert sum(int(cell.replace(",", "")) for cell in shown(page)["Params"] if cell not in {"-", ""}) <= total
    page.get_by_role("button", name="Fold all", exact=True).click()
    assert page.locator(".brackets button").count() == 0
    assert is_clean(watched)


def test_the_keyboard_alone(opened: Opened, tmp_path: Path) -> None:
    page = opened(saved(net_of("small"), tmp_path)).page
    assert selected(page) == "conv2"
    for key, name in (
        ("ArrowRight", "maxpool1"),
        ("ArrowRight", "conv3"),
        ("ArrowLeft", "maxpool1"),
        ("Home", "input"),
    ):
        page.keyboard.press(key)
        assert selected(page) == name
    page.keyboard.press("End")
    page.wait_for_timeout(2 * EVERY)
    assert page.evaluate("location.hash") == "#view=map&layer=linear1"
    page.keyboard.press("3")
    assert page.locator(".rail [aria-current]").text_content() == "Reach3"
    page.wait_for_timeout(2 * EVERY)
    page.go_back()
    assert page.locator(".rail [aria-current]").text_content() == "Map1"
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    dark = "getComputedStyle(document.querySelector('.convscope')).backgroundColor"
    assert page.evaluate(dark) == "rgb(255, 255, 255)"
    page.keyboard.press("t")
    assert page.evaluate(dark) == "rgb(21, 23, 26)"


def test_a_budget(opened: Opened, tmp_path: Path) -> None:
    page = opened(saved(net_of("small"), tmp_path)).page
    page.get_by_role("button", name="Set a budget").click()
    page.locator(".chip input").fill("2M MACs")
    page.keyboard.press("Enter")
    assert page.locator(".budgetline").text_content() == "Over the budget of 2 M MACs by 47 %."
    page.keyboard.press("Control+z")
    assert page.locator(".budgetline").count() == 0
    page.keyboard.press("Control+y")
    assert page.locator(".chip").text_content() == "Budget 2 M MACsover by 47 %"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_readers_out(opened: Opened, tmp_path: Path, scheme: str, width: int) -> None:
    watched = opened(saved(net_of("residual"), tmp_path), width=width, scheme=scheme)
    watched.page.wait_for_timeout(200)  # the view fades in
    assert watched.serious() == {}
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 390:
        assert watched.page.locator(".list .pick").count() > 5
    assert is_clean(watched)


def hostile(net: Net) -> dict[str, Any]:
    """Return a document whose every name would do harm in a page that reads it as markup."""
    document: dict[str, Any] = json.loads(to_json(document_of(net, title="<img src=x onerror=alert(1)>")))
    renamed = json.dumps(document).replace('"conv2"', '"<b onclick=alert(1)>conv2"')
    return dict(json.loads(renamed))


def test_names_are_only_text(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(one_file("x", json.dumps(hostile(net_of("small"))).encode()), encoding="utf-8")
    watched = opened(path.as_uri())
    for view in "123456781":
        watched.page.keyboard.press(view)
    assert watched.page.locator(".names button").nth(2).get_attribute("title") == "<b onclick=alert(1)>conv2"
    assert str(watched.page.locator(".names b").nth(2).text_content()).startswith("<b ")
    assert watched.page.locator("img, [onclick]").count() == 0
    assert is_clean(watched)


def test_what_an_address_names_wrongly(opened: Opened, tmp_path: Path) -> None:
    url = saved(net_of("small"), tmp_path)
    page = opened(f"{url}#view=map&layer=conv22").page
    assert page.get_by_role("status").first.text_content() == 'There is no layer "conv22". Selected instead: conv2.'
    assert selected(page) == "conv2"
    for odd in ("#view=nothing", "#unit=x&image=99&open=a+b", "#%E0%A4%A", "#layer=input"):
        watched = opened(f"{url}{odd}")
        assert watched.page.locator("h1").text_content() == "What have I built, and where do its costs go?"
        assert is_clean(watched)


def test_documents_that_cannot_be_read(opened: Opened, tmp_path: Path) -> None:
    cases = {
        '{"schema": "convscope/explorer/2"}': "The document is of version 2; this page reads version 1.",
        '{"schema": "other/1"}': '"other/1" is not a document of the explorer.',
        "[]": "This page holds no document.",
        '{"schema": "convscope/explorer/1"}': "The document is damaged: it has no layers.",
    }
    for number, (document, words) in enumerate(cases.items()):
        path = tmp_path / f"{number}.html"
        path.write_text(one_file("x", document.encode()), encoding="utf-8")
        watched = opened(path.as_uri())
        assert str(watched.page.get_by_role("alert").locator("h1").text_content()).startswith(words)
        assert watched.said == []


def many(layers: int) -> bytes:
    """Return the document of a long row of equal layers, made of the document of a few."""
    document: dict[str, Any] = json.loads(to_json(document_of("input 32x32x4, 4*( conv 4 3x3 p1 relu )")))
    net = document["net"]
    pattern, place = net["layers"][-2:], net["places"][-1]
    for number in range(5, layers // 2 + 1):
        for layer in pattern:
            name = f"{layer['op']}{number}"
            net["layers"].append(layer | {"name": name, "inputs": [net["layers"][-1]["name"]]})
            net["places"].append(place | {"layer": name, "column": len(net["places"])})
    net["outputs"][0]["layer"] = net["layers"][-1]["name"]
    return json.dumps(document).encode()


def test_ten_thousand_layers(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(one_file("x", many(10_000)), encoding="utf-8")
    watched = opened(path.as_uri())
    page = watched.page
    page.locator(".numbers").wait_for()

    def again() -> None:
        page.reload()
        page.locator(".numbers").wait_for()

    assert watched.busy(again) < 2
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator(".numbers tbody tr").first.locator("td").count() < 100
    assert page.locator(".chart").evaluate("chart => chart.getBoundingClientRect().width") > 5000 * 50
    page.keyboard.press("End")
    assert selected(page) == "conv5000"
    page.locator(".names button.on").wait_for()
    page.get_by_role("button", name="Show all layers as a table").click()
    assert page.locator(".sheet tbody tr").count() < 100
    assert is_clean(watched)
