"""Results for other programs: data frames, pages, files."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import convscope as cs
from convscope.analyze.frame import frame
from convscope.cli import run
from convscope.core.graph import INPUT, Graph, Node
from convscope.core.net import Net
from convscope.errors import MissingExtraError
from convscope.extras import pip
from convscope.ops.conv import Conv
from convscope.ops.opaque import Opaque
from convscope.view.parts import Column, Grid

NET = "input 32x24x3, conv 8 3x3 p1 relu, mul( id | gap, linear 2 relu, linear 8 sigmoid ), maxpool 3x2 s2x1, conv 4 3"
EVIL = "<script>alert('x')</script>&\"é"


class Page(HTMLParser):
    """Tags, and the cells of each row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.numbers: list[bool] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag == "th":
            self.numbers.append(("class", "number") in attrs)
        if tag in {"th", "td"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"th", "td"}:
            self.rows[-1][-1] += data


def odd_net() -> Net:
    """A layer with a hostile name, and one of which the cost is unknown."""
    nodes = (Node(EVIL, Conv(16, (3, 3)), (INPUT,)), Node("odd", Opaque((26, 26, 16)), (EVIL,)))
    return Net.at(Graph(nodes), (1, 28, 28))


def test_a_frame_has_the_rows_of_the_json() -> None:
    pandas = pytest.importorskip("pandas")
    table = cs.read(NET).table()
    found, rows = table.to_pandas(), table.to_json()["rows"]
    assert isinstance(found, pandas.DataFrame)
    assert list(found.columns) == list(rows[0])
    assert len(found) == len(rows)
    for (_, got), want in zip(found.iterrows(), rows, strict=True):
        assert (got["name"], got["op"], got["params"], got["macs"]) == tuple(
            want[key] for key in ("name", "op", "params", "macs")
        )
        assert got["rf"] == tuple(want["rf"])
        assert got["stride"] == tuple(want["stride"])
    assert found["params"].sum() == table.params.value
    assert found["macs"].sum() == table.macs.value
    assert found.groupby("rf")["macs"].sum().sum() == table.macs.value  # tuples can be keys


def test_what_is_unknown_is_missing_in_a_frame() -> None:
    pytest.importorskip("pandas")
    found = frame(odd_net().table())
    assert found["params"].isna().tolist() == [False, True]
    assert found["params"].sum() == 160
    assert str(found["params"].dtype) == "Int64"


def test_numbers_beyond_64_bits_stay_exact_in_a_frame() -> None:
    pytest.importorskip("pandas")
    side = "1048576x1048576"
    table = cs.read(f"input {side}x1048576, conv 1048576 1x1").table()
    assert table.macs.value == 2**80
    assert frame(table)["macs"].tolist() == [2**80]


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pandas is not installed") as caught:
        cs.read(NET).table().to_pandas()
    assert caught.value.attempt == pip("data")


def test_the_table_of_a_page_is_that_of_the_terminal() -> None:
    table = cs.read(NET).table()
    page, grid = Page(table.to_html()), table.grid()
    assert page.rows[0] == [column.title for column in grid.columns]
    assert page.numbers == [column.right for column in grid.columns]
    assert [tuple(row) for row in page.rows[1:]] == list(grid.rows)
    assert page.open == []


def test_names_are_text_on_a_page() -> None:
    net = odd_net()
    results = [net.table(), net, cs.check(net), cs.memory(net), cs.compare(net, net), net.field(EVIL, at=(0, 0))]
    for result in results:
        page = result._repr_html_()  # type: ignore[attr-defined] # what a notebook asks for
        assert "<script" not in page, type(result)
        assert "alert(&#x27;x&#x27;)" in page or EVIL not in str(result), type(result)
        assert "script" not in Page(page).tags
    assert EVIL in Page(net._repr_html_()).rows[1]


def test_a_note_is_escaped_too() -> None:
    assert "<b>" not in Grid((Column("a"),), (("b",),)).to_html("<b>")


@pytest.mark.parametrize("text", [cs.read(NET)._repr_html_(), cs.memory(cs.read(NET))._repr_html_()])
def test_fragments_need_nothing_from_elsewhere(text: str) -> None:
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img| on\w+=", text)
    assert not re.search(r"(?<!-)color: (?!inherit)", text)  # a fixed colour would vanish on one of two themes


def test_every_format_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = cs.read(NET).table()
    wanted = (
        ("text", ".txt", table.to_text()),
        ("markdown", ".md", table.to_markdown()),
        ("csv", ".csv", table.to_csv()),
    )
    for name, suffix, text in wanted:
        assert run(["table", NET, "--to", name]) == 0
        assert capsys.readouterr().out == f"{text}\n"
        path = tmp_path / f"table{suffix}"
        assert run(["table", NET, "-o", str(path)]) == 0
        assert capsys.readouterr().out == ""
        assert path.read_text(encoding="utf-8") == f"{text}\n"
    assert run(["table", NET, "--to", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == table.to_json()
    assert run(["table", NET, "--to", "html"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in page
    assert table.to_html() in page
    assert run(["table", NET, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == table.to_json()


def test_metrics_for_netron_name_every_layer_and_flag_what_is_unknown() -> None:
    table = odd_net().table()
    made = table.to_netron()
    assert made["signature"] == "netron:attachment"
    assert {entry["target"] for entry in made["metadata"]} == {EVIL, "odd"}
    said = {(entry["kind"], entry["target"], entry["name"]): entry["value"] for entry in made["metrics"]}
    assert len(said) == len(made["metrics"])  # of two entries with one name, Netron shows the last alone
    assert said["model", "", "parameters"] == "≥ 160"
    assert said["node", "odd", "parameters"] == "unknown"
    assert said["node", EVIL, "receptive field"] == "3x3"


def test_layers_can_have_the_names_of_the_model_file() -> None:
    made = cs.read(NET).table().to_netron(names={"conv1": "/features/0/Conv"})
    for kind in ("metadata", "metrics"):
        targets = {entry["target"] for entry in made[kind] if entry["kind"] == "node"}
        assert "/features/0/Conv" in targets
        assert "conv1" not in targets
        assert "conv2" in targets


def test_netron_knows_its_file_by_the_end_of_its_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["table", NET, "--to", "netron", "-o", str(tmp_path / "net.txt")]) == 2
    assert "ends in .json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["table", NET, "-o", str(tmp_path / "none" / "x.txt")]) == 2
    assert "none is not a folder" in capsys.readouterr().err
