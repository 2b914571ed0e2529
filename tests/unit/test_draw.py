"""Drawings of nets: all layers are in them, nothing covers anything else, names stay harmless."""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import run as command
from convscope.core.net import Net
from convscope.diagram.drawing import Row, Scale, figure_of, rows_of, side
from convscope.diagram.pieces import MOST, Graph, pieces_of
from convscope.diagram.sketch import Cell, Sketch
from convscope.diagram.steps import steps_of
from convscope.errors import FieldError, WriteError
from convscope.view.layout import PAGE, Down

NETS = {
    "default": "input 28x28x1, conv 16 5x5 s2 nobias bn relu, conv 32 3x3 p1 nobias, maxpool 2, bn relu, linear 96",
    "inception": "input 32x32x3, conv 32 3x3 p1 bn relu, cat( conv 16 1x1 relu | conv 16 1x1 relu, conv 24 3x3 p1 relu "
    "| conv 8 1x1 relu, conv 16 5x5 p2 relu | maxpool 3 s1 p1, conv 8 1x1 relu ), maxpool 2, conv 64 3x3 bn relu, gap",
    "unet": "input 64x64x3, 2*( conv 16 3x3 same relu ), cat( id | maxpool 2, 2*( conv 32 3x3 same relu ), cat( id | "
    "maxpool 2, 2*( conv 64 3x3 same relu ), convt 32 2 s2 ), 2*( conv 32 3x3 same relu ), convt 16 2 s2 ), "
    "2*( conv 16 3x3 same relu ), conv 2 1x1",
    "residual": "input 32x32x3, conv 16 3x3 same bn relu, "
    "9*( add( conv 16 3x3 same bn relu, conv 16 3x3 same bn | id ) relu ), "
    "add( conv 32 3x3 s2 p1 bn relu, conv 32 3x3 same bn | conv 32 1x1 s2 bn ) relu, gap, linear 10",
    "line": "input 16000x1, conv 32 80 s4 bn relu, maxpool 4, conv 32 3 bn relu, maxpool 4, gap, linear 35",
    "300 layers": "input 32x32x16, " + ", ".join(f"conv {16 + at} 3x3 same bn relu" for at in range(100)),
    "300 equal": "input 32x32x3, conv 16 3x3 same bn relu, 99*( conv 16 3x3 same bn relu )",
    "gates": "input 16x16x8, conv 8 3x3 p1 relu, mul( id | gap, linear 4, relu, linear 8, sigmoid ), conv 4 1x1",
    "two inputs": "age: input 3, photo: input 8x8x1, mul( from photo, conv 3 3x3 | from age ), gap, linear 2",
    "two outputs": "input 8x8x3, conv 4 3x3 relu, output tuple( conv 2 1x1 | gap, linear 3 )",
    "one layer": "input 4, relu",
    "volume": "input 8x8x8x1, conv 4 3x3x3 relu, maxpool 2, linear 3",
}
pytestmark = pytest.mark.filterwarnings("ignore:The default weight initialization of inception_v3:FutureWarning")

ZOO = ("resnet50", "inception_v3", "densenet121")


@cache
def read(name: str) -> Net:
    return cs.read(NETS.get(name, f"torchvision:{name}"))


def rows(net: Net, fold: int | None = None) -> list[Row]:
    body = figure_of(net, fold).body
    assert isinstance(body, Down)
    return [part for part in body.parts if isinstance(part, Row)]


def boxes(sketch: Sketch) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, right and bottom of every block and of every text."""
    for cell, (x, y), base in zip(sketch.cells, sketch.places, sketch.base, strict=True):
        if cell.kind != "entry":
            up, down = cell.ends if cell.kind == "cat" else (-cell.up, cell.down)
            yield x - cell.wide / 2, y + up, x + cell.wide / 2, y + down
        if cell.below:
            yield x - cell.room / 2, y + base + 1, x + cell.room / 2, y + base + cell.below


def covers(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


@pytest.mark.parametrize("name", [*NETS, *ZOO])
def test_nothing_covers_anything_else(name: str) -> None:
    for row in rows(read(name)):
        assert not [pair for pair in combinations(boxes(row.sketch), 2) if covers(*pair)]
        for cell in row.sketch.cells:
            if cell.inner:
                assert not [pair for pair in combinations(boxes(cell.inner), 2) if covers(*pair)]


def test_a_cover_would_be_found() -> None:
    """Two blocks that do not read each other would lie on each other if they had one place."""
    row = rows_of([Cell("conv", 20, 40), Cell("conv", 20, 40)], [[], [0]])[0]
    (x, y), _ = row.sketch.places
    close = Sketch(row.sketch.cells, ((x, y), (x + 5, y)), (), 0, 0, 0, row.sketch.base, row.sketch.style)
    assert [pair for pair in combinations(boxes(close), 2) if covers(*pair)]


@pytest.mark.parametrize("name", [*NETS, *ZOO])
def test_every_layer_is_in_one_block(name: str) -> None:
    net = read(name)
    graph = Graph.of(net)
    assert [layer for step in graph.steps for layer in step.layers] != []
    assert sorted(layer.node.name for step in graph.steps for layer in step.layers) == sorted(
        layer.node.name for layer in net
    )
    for fold in (None, 0, 1, 2):
        pieces = pieces_of(graph, fold)
        assert [at for piece in pieces for at in piece.steps] == list(range(len(graph.steps)))
        if fold is None:
            assert len(pieces) <= MOST


@pytest.mark.parametrize("name", [*NETS, *ZOO])
def test_rows_fit_a_page_unless_skips_span_them(name: str) -> None:
    wide = [row.width for row in rows(read(name))]
    assert max(wide) <= (1.6 * PAGE if name == "unet" else PAGE)


def test_resnet_50_shows_its_sixteen_blocks() -> None:
    net = read("resnet50")
    pieces = pieces_of(Graph.of(net))
    assert [piece.title for piece in pieces if piece.title.startswith("layer")] == [
        f"layer{stage}.{at}" for stage, count in enumerate((3, 4, 6, 3), 1) for at in range(count)
    ]
    svg = cs.draw(net).to_svg()
    assert len(re.findall(r"<circle", svg)) == 16, "the sums"
    assert cs.draw(net, fold=1).to_svg().count("layer1") == 1


def test_repeated_blocks_are_drawn_once() -> None:
    pieces = pieces_of(Graph.of(cs.read(NETS["300 equal"])))
    assert [piece.times for piece in pieces] == [1, 99]
    assert "99" in cs.draw(NETS["300 equal"]).to_svg()
    residual = pieces_of(Graph.of(cs.read(NETS["residual"].replace("9*", "30*"))))
    assert [(len(piece.steps), piece.times) for piece in residual] == [(1, 1), (90, 30), (4, 1), (1, 1), (1, 1)]


def test_steps_take_norms_activations_and_padding_along() -> None:
    net = cs.read("input 8x8x3, pad 1, conv 4 3x3 bn relu, dropout 0.1, flatten, linear 10, softmax")
    steps = steps_of(net)
    assert [(step.name, len(step.layers)) for step in steps] == [("conv1", 6), ("linear1", 2)]
    shared = steps_of(cs.read("input 8x8x3, conv 4 3x3, add( relu | id )"))
    assert [step.name for step in shared] == ["conv1", "relu1", "add1"], "what is read twice stays apart"


@pytest.mark.parametrize("name", NETS)
def test_blocks_are_in_proportion(name: str) -> None:
    """Heights and widths are those of the shapes, by the scale that the figure states."""
    net = read(name)
    scale = Scale.of(net)
    shapes = {step.name: step.out for step in steps_of(net)}
    for row in rows(net, 0):
        for cell in row.sketch.cells:
            if cell.name in shapes and cell.kind != "cat":
                assert cell.high == pytest.approx(scale.high(shapes[cell.name]))
    assert f"{scale.step:.1f}".removesuffix(".0") in figure_of(net).note
    assert scale.high(net.input) <= 121


def test_sides() -> None:
    assert [side(shape) for shape in ((3, 4, 9), (5,), (2, 7))] == [6, 1, 7]


HOSTILE = '"</text><script>alert(1)</script>"'


def test_names_stay_harmless() -> None:
    svg = cs.draw(f'input 8x8x1, {HOSTILE}: conv 4 3x3, "a\\u202eb": relu, conv 2 1x1').to_svg()
    assert "<script" not in svg
    assert "\u202e" not in svg
    html = cs.draw(f"input 8x8x1, {HOSTILE}: conv 4 3x3", title="<script>").to_html()
    assert "<script" not in html


def test_the_verb(tmp_path: Path) -> None:
    drawing = cs.draw(NETS["default"], title="Mine")
    assert drawing._repr_svg_().startswith("<svg")
    assert "<figure" in drawing._repr_html_()
    for suffix, begin in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!doctype html>")):
        assert drawing.save(tmp_path / f"net{suffix}").read_bytes().startswith(begin)
    assert "Mine" in (tmp_path / "net.svg").read_text(encoding="utf-8")
    with pytest.raises(WriteError):
        drawing.save(tmp_path / "net.gif")
    with pytest.raises(FieldError):
        cs.draw(NETS["default"], fold=-1)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.svg"
    assert command(["draw", NETS["inception"], "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == cs.draw(NETS["inception"]).to_svg()
    assert command(["draw", NETS["inception"]]) == 0
    assert "conv8" in capsys.readouterr().out
    assert command(["draw", NETS["inception"], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "convscope/drawing/1"
    lanes = {block["name"]: block["lane"] for block in found["blocks"]}
    assert lanes["cat1"] == 0
    assert lanes["conv2"] == 1
    assert [layer for block in found["blocks"] for layer in block["layers"]][:3] == ["conv1", "bn1", "relu1"]


def test_the_report_begins_with_the_drawing() -> None:
    page = cs.report(NETS["default"]).to_html()
    assert page.index("Logarithmic scale") < page.index("params of each layer")
