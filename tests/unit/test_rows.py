"""Tables with fewer rows and columns: folded, sorted, the first few, at the width of a terminal."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convscope as cs
from convscope.analyze.cost import Total
from convscope.analyze.table import LayerTable
from convscope.cli import run
from convscope.errors import FieldError, UnknownNameError
from convscope.view.parts import Column, Grid
from convscope.view.wrap import NARROWEST, wrapped

NET = (
    "input 28x28x1, a.x: conv 16 3x3, a.n: bn, a.r: relu, a.y: conv 32 3x3, a.n2: bn, a.r2: relu, "
    "maxpool 2, b.z: conv 10 1x1, gap"
)


def blocks_50() -> str:
    """A residual net of 50 layers, its blocks named as torch names them."""
    stages = ((64, 3), (128, 4), (256, 6), (512, 3))
    parts = ["input 224x224x3", "conv1: conv 64 7x7 s2 p3 nobias", "bn1: bn", "relu: relu", "maxpool: maxpool 3 s2 p1"]
    for stage, (width, blocks) in enumerate(stages, 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            first = block == 0
            stride = " s2" if first and stage > 1 else ""
            main = (
                f"{name}.conv1: conv {width} 1x1 nobias, {name}.bn1: bn, {name}.relu1: relu, "
                f"{name}.conv2: conv {width} 3x3 p1{stride} nobias, {name}.bn2: bn, {name}.relu2: relu, "
                f"{name}.conv3: conv {4 * width} 1x1 nobias, {name}.bn3: bn"
            )
            short = f"{name}.down.0: conv {4 * width} 1x1{stride} nobias, {name}.down.1: bn" if first else "id"
            parts += [f"{name}.add: add( {main} | {short} )", f"{name}.relu: relu"]
    return ", ".join([*parts, "avgpool: gap", "fc: linear 1000"])


def test_a_net_of_50_layers_is_a_page() -> None:
    table = cs.read(blocks_50()).table()
    assert (table.params.value, table.macs.value) == (25_557_032, 4_089_184_256)  # as torchvision states for resnet50
    assert [len(table.fold(depth).rows) for depth in (1, 2)] == [10, 22]
    for depth in (1, 2, 3):
        folded = table.fold(depth)
        assert sum(row.layers for row in folded.rows) == len(table.rows)
        assert sum(row.macs or 0 for row in folded.rows) == table.macs.value
        assert sum(row.params or 0 for row in folded.rows) == table.params.value
        assert sum(row.activation_bytes for row in folded.rows) == table.activation_bytes
        assert max(map(len, str(folded.to_text(80)).splitlines())) <= 80
    row = next(row for row in table.fold(1).rows if row.name == "layer2")
    last = next(row for row in table.rows if row.name == "layer2.3.relu")
    assert (row.out, [axis.size for axis in row.field]) == (last.out, [axis.size for axis in last.field])
    assert f"{len(table.rows)} layers in 22 rows" in table.fold(2).to_text()


def test_what_is_unknown_stays_a_bound() -> None:
    table = cs.read(NET).table()
    rows = (replace(table.rows[0], macs=None), *table.rows[1:])
    less = replace(table, rows=rows, macs=Total(table.macs.value - (table.rows[0].macs or 0), ("a.x",)))
    cells = {name: (macs, share) for name, macs, share in less.fold(1).select("name", "macs", "macs%").grid().rows}
    assert (cells["a"], cells["b.z"]) == (("≥ 2,654,208", "unknown"), ("46,080", "≤ 1.7"))
    assert less.fold(1).to_json()["rows"][0]["at_least"] == ["macs"]
    assert less.sorted("macs").rows[0].macs is None, "nobody knows that it is not the largest"
    alone = replace(less, rows=rows[:1]).fold(1).grid().rows[0]
    assert "unknown" in alone


def test_sorted_and_first() -> None:
    table = cs.read(NET).table()
    assert [row.macs for row in table.sorted("macs").top(3).rows] == [2_654_208, 97_344, 46_080]
    assert table.sorted("params").rows[0].name == table.sorted("MACs").rows[0].name
    assert table.top(2).macs == table.macs, "totals are those of the net"
    assert "2 rows shown of 9 layers" in table.top(2).to_text()
    assert table.fold(1).top(1).to_json()["rows"][0]["layers"] == 6
    with pytest.raises(UnknownNameError, match="cost"):
        table.sorted("time")
    with pytest.raises(FieldError):
        table.fold(0)
    with pytest.raises(FieldError):
        table.top(0)


def test_columns_by_their_names() -> None:
    table = cs.read(NET).table()
    assert [column.title for column in table.select("rf", "name", "macs%").grid().columns] == ["RF", "name", "%"]
    with pytest.raises(UnknownNameError, match="column"):
        table.select("field")
    assert table.to_text() == cs.read(NET).table().to_text(), "the table itself is unchanged"


def hidden(table: LayerTable, width: int) -> str:
    found = re.search(r"^hidden: (.*?) \(--wide", table.to_text(width), re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""


def test_place_goes_first_then_the_sizes_of_maps() -> None:
    table = cs.read(NET).table()
    seen = [hidden(table, width) for width in range(130, 60, -1)]
    assert list(dict.fromkeys(seen)) == [
        "",
        "centre",
        "start, centre",
        "stride, start, centre",
        "activations, stride, start, centre",
        "activations, local, stride, start, centre",
        "params%, activations, local, stride, start, centre",
        "params%, macs%, activations, local, stride, start, centre",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    lines = cs.read(NET).table().to_text(width).splitlines()
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    assert all(number in shown for number in ("2,654,208", "4,640", "28x28")), "numbers are never cut"


def test_a_matrix_that_is_too_wide_stands_in_blocks() -> None:
    columns = (Column("true"), *(Column(f"class{at}", right=True) for at in range(30)))
    grid = Grid(columns, tuple((f"class{row}", *(str(row * at) for at in range(30))) for row in range(3)))
    lines = grid.to_text(60).splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.startswith("class2") for line in lines) == 5
    assert all(f"class{at}" in grid.to_text(60) for at in range(30))


@given(st.text(alphabet="ab ·%3\n^", max_size=200), st.integers(NARROWEST, 60))
def test_wrapping_keeps_every_word(text: str, width: int) -> None:
    told = wrapped(text, width)
    if "^" not in text:
        assert told.split() == text.split()
    longest = max((len(word) for word in re.split(r"\s", text)), default=0)
    assert all(len(line) <= max(width, longest * 2 + width // 2) for line in told.splitlines())


def test_carets_stay_below_their_words() -> None:
    line = "    input 28x28x1, " + "conv 16 3x3, " * 20 + "conv 16 3x3 g5, gap"
    at = line.index("conv 16 3x3 g5")
    shown, carets = wrapped(f"{line}\n{' ' * at}{'^' * 14}", 60).split("\n")
    assert len(shown) <= 60
    assert shown[carets.index("^") : len(carets)] == "conv 16 3x3 g5"


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run(["table", NET, "--depth", "1", "--sort", "macs", "--top", "2", "--columns", "name,op,macs%"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == ["name  op              %", "a     6 layers     98.4", "b.z   conv 10 1x1   1.6"]
    assert run(["table", NET, "--json", "--depth", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 4
    assert run(["table", NET]) == 0
    assert "centre" in capsys.readouterr().out, "a pipe has every column"
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["table", NET]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert run(["table", NET, "--wide"]) == 0
    assert "centre" in capsys.readouterr().out
    for wrong in (["--columns", "nmae"], ["--json", "--wide"], ["--top", "0"], ["--to", "netron", "--depth", "1"]):
        assert run(["table", NET, *wrong]) == 2
    assert "Error" in capsys.readouterr().err
