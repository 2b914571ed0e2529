"""Columns and lanes: nothing lies on anything else, and short paths are inside of long ones."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clock
import convscope as cs
from convscope.diagram.graph import module_of, names_of, sources_of
from convscope.diagram.layout import LANES, Layout, layout

UNET = (
    "input 32x32x1, conv 4 3x3 same, cat( id | maxpool 2, conv 8 3x3 same, "
    "cat( id | maxpool 2, conv 16 3x3 same, up 2 ), conv 8 3x3 same, up 2 ), conv 2 1x1"
)
INCEPTION = (
    "input 32x32x16, cat( conv 16 1x1 | conv 16 1x1, conv 16 3x3 p1 | conv 8 1x1, conv 8 3x3 p1, conv 8 3x3 p1 "
    "| maxpool 3 s1 p1, conv 8 1x1 ), conv 4 3x3"
)


def placed(text: str) -> tuple[dict[str, tuple[int, int]], Layout, tuple[str, ...]]:
    net = cs.read(text)
    found = layout(sources_of(net))
    names = names_of(net)
    return dict(zip(names, zip(found.columns, found.lanes, strict=True), strict=True)), found, names


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Graphs in topological order: most nodes read the one before, some read others, some begin anew."""
    count = draw(st.integers(1, 40))
    sources: list[list[int]] = [[]]
    for node in range(1, count):
        near = draw(st.lists(st.integers(max(0, node - 8), node - 1), min_size=0, max_size=3, unique=True))
        sources.append(near or [node - 1])
    return sources


def columns_of(found: Layout) -> dict[tuple[str, int], set[int]]:
    """The columns that each path beside the longest one needs in its lane."""
    needed: dict[tuple[str, int], set[int]] = {}
    for node, chain in enumerate(found.chains):
        if found.lanes[node]:
            needed.setdefault(("chain", chain), set()).add(found.columns[node])
    for arc in found.arcs:
        first, last = found.columns[arc.source] + 1, max(found.columns[target] for target in arc.targets)
        needed["arc", arc.source] = set(range(first, last))
    return needed


@given(graphs())
def test_nothing_lies_on_anything_else(sources: list[list[int]]) -> None:
    found = layout(sources)
    for node, mine in enumerate(sources):
        assert all(found.columns[source] < found.columns[node] for source in mine)
    assert len({*zip(found.columns, found.lanes, strict=True)}) == len(sources)
    main = {column for column, lane in zip(found.columns, found.lanes, strict=True) if not lane}
    assert main == set(range(max(found.columns) + 1)), "the longest path is straight"
    lane_of = {("chain", chain): found.lanes[chain] for chain in found.chains if found.lanes[chain]}
    lane_of |= {("arc", arc.source): arc.lane for arc in found.arcs}
    assert all(arc.lane > 0 for arc in found.arcs), "arcs are above"
    needed = columns_of(found)
    for one, two in combinations(needed, 2):
        if lane_of[one] == lane_of[two] and abs(lane_of[one]) < LANES:
            assert not needed[one] & needed[two], (one, two)


@given(graphs())
def test_a_long_edge_has_room(sources: list[list[int]]) -> None:
    """An edge that passes columns is an arc, or the lane along which it runs has no other node in these columns."""
    found = layout(sources)
    arcs = [(arc.source, target) for arc in found.arcs for target in arc.targets]
    assert len(arcs) == len(set(arcs))
    taken = {*zip(found.columns, found.lanes, strict=True)}
    for node, mine in enumerate(sources):
        for source in set(mine) - {source for source, target in arcs if target == node}:
            passed = range(found.columns[source] + 1, found.columns[node])
            lane = found.lanes[node] if found.chains[node] == node else found.lanes[source]
            assert abs(lane) == LANES or not taken & {(column, lane) for column in passed}


def test_paths_of_an_inception_block_have_lanes() -> None:
    where, found, _ = placed(INCEPTION)
    assert found.arcs == ()
    assert [where[name] for name in ("conv4", "conv5", "conv6", "cat1")] == [(1, 0), (2, 0), (3, 0), (4, 0)]
    assert {where[name][1] for name in ("conv1", "conv2", "maxpool1")} == {1, -1, 2}


def test_skips_of_a_unet_nest() -> None:
    where, found, names = placed(UNET)
    assert all(lane == 0 for _, lane in where.values())
    assert {(names[arc.source], names[arc.targets[0]]): arc.lane for arc in found.arcs} == {
        ("conv2", "cat1"): 1,
        ("conv1", "cat2"): 2,
    }


def test_a_projection_is_beside_and_an_identity_is_an_arc() -> None:
    where, found, names = placed(
        "input 8x8x4, relu, add( conv 4 3x3 p1, conv 4 3x3 p1 | conv 4 1x1 ), add( conv 4 3x3 p1 | id )"
    )
    assert where["conv3"] == (2, 1)
    assert [(names[arc.source], names[arc.targets[0]], arc.lane) for arc in found.arcs] == [("add1", "add2", 1)]


def test_several_inputs_and_outputs_have_lanes() -> None:
    found = layout([[], [], [0], [1, 2], [2]])
    assert found.columns == (0, 0, 1, 2, 2)
    assert len({*zip(found.columns, found.lanes, strict=True)}) == 5


@pytest.mark.parametrize(
    "sources",
    [
        [[], *([at] for at in range(10_000))],
        [[], *([at] for at in range(5_000)), *([5_000 + at, 5_000 - at] for at in range(5_000))],
        [[], *([at] if at < 2 else [at, at - 2] for at in range(10_000))],
        [[], *([0] for _ in range(5_000)), list(range(1, 5_001))],
    ],
    ids=["a chain", "nested skips", "residual", "5,000 paths"],
)
def test_ten_thousand_layers_take_less_than_a_second(sources: list[list[int]]) -> None:
    assert clock.best(lambda: layout(sources), 1) < 1
    assert layout(sources) == layout(sources), "the same each time"


@pytest.mark.parametrize(
    ("name", "module"),
    [("layer1.0.conv1", ("layer1", "0")), ("/a/b/Conv", ("a", "b")), ("conv1", ()), ("..x", ()), (".", ())],
)
def test_modules_of_names(name: str, module: tuple[str, ...]) -> None:
    assert module_of(name) == module
