"""What is found in the window of the field is what brute force finds, and the size of the image does not matter."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import clock
import convscope as cs
from convscope.analyze import spread
from convscope.core.graph import Graph, Input, Node
from convscope.core.net import Net
from convscope.core.op import REGISTRY, Example
from convscope.errors import ConvscopeError
from convscope.frontends import read
from convscope.testing import op_from_text
from faults import limits
from slow_fields import Units, slow_heat, slow_mask
from strategies import geometry_texts, renumbering_texts

LARGEST = 3000
"""Numbers in a layer of a random net."""

EXAMPLES = [example for op in REGISTRY.values() for example in op.examples]


def compare(net: Net, node: str, units: Units, of: str) -> None:
    """Support and effective field against brute force."""
    found, true = cs.support(net, node, units, of=of), slow_mask(net, node, units, of=of)
    mask = found.mask
    assert not (true & ~mask).any()
    if found.exact:
        assert np.array_equal(mask, true)
    rows = [
        np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != a))) for a in range(mask.ndim)
    ]
    assert found.pixels == mask.sum()
    assert found.box == (tuple((row[0], row[-1]) for row in rows) if mask.any() else None)
    assert found.grid == tuple(int(np.gcd.reduce(np.diff(row))) if len(row) > 1 else 1 for row in rows)
    assert found.window.sum() == found.pixels
    weights, heat = cs.effective(net, node, units, of=of), slow_heat(net, node, units, of=of)
    assert (weights.spread is not None) == (heat.sum() > 0)
    if heat.sum() > 0:
        np.testing.assert_allclose(weights.heat, heat / heat.sum(), rtol=1e-9, atol=1e-15)
        assert weights.on_image == pytest.approx(heat.sum())
        assert weights.on_image <= 1 + 1e-9
        assert weights.shares() == pytest.approx(slow_shares(weights.heat, weights.area))


def slow_shares(heat: np.ndarray, area: int) -> dict[int, float]:
    """The fewest pixels that hold a share of the weight, by sorting all."""
    if not area:
        return {}
    falling = np.cumsum(np.sort(heat, axis=None)[::-1])
    return {level: (int(np.searchsorted(falling, level / 100 - 1e-12)) + 1) / area for level in (20, 30, 50, 99)}


def units_of(data: st.DataObject, sizes: tuple[int, ...]) -> Units:
    """A unit, or a few neighbours, along each axis."""
    ends = [sorted(data.draw(st.integers(0, size - 1)) for _ in range(2)) for size in sizes]
    return tuple((lo, min(hi, lo + 2)) for lo, hi in ends)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.one_of(geometry_texts(), renumbering_texts(), renumbering_texts()), st.data())
def test_windows_find_what_brute_force_finds(text: str, data: st.DataObject) -> None:
    try:
        net = read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    assume(all(math.prod(layer.output) <= LARGEST for layer in net))
    compare(net, net.layers[-1].node.name, units_of(data, net.output[1:]), net.inputs[0].name)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.text)
def test_every_op(example: Example) -> None:
    names = [f"in{at}" for at in range(len(example.inputs))]
    graph = Graph((Node("layer", op_from_text(example.text, example.inputs), tuple(names)),), tuple(names))
    net = Net.at(graph, [Input(name, shape) for name, shape in zip(names, example.inputs, strict=True)])
    for name, shape in zip(names, example.inputs, strict=True):
        if len(shape) < 2:
            continue
        corner = tuple((0, 0) for _ in net.output[1:])
        middle = tuple((size // 2, size // 2) for size in net.output[1:])
        whole = tuple((0, size - 1) for size in net.output[1:])
        for units in dict.fromkeys((corner, middle, whole)):
            compare(net, "layer", units, name)


UNET = """input {0}x{0}x3, 2*( conv 4 3x3 p1 relu ), a: id, maxpool 2, 2*( conv 8 3x3 p1 relu ), b: id, maxpool 2,
conv 8 3x3 d2 p2, convt 8 2x2 s2, cat( id | from b ), conv 8 3x3 p1,
convt 4 2x2 s2, cat( id | from a ), conv 4 3x3 p1"""
INTERIOR = {
    "u-net": (UNET, 48),
    "residual": ("input {0}x{0}x3, conv 8 3x3 s2 p1, 2*( add( conv 8 3x3 p1 bn relu, conv 8 3x3 p1 | id ) )", 24),
    "holes": ("input {0}x{0}x3, 2*( conv 4 3x3 d2 p2 ), cat( conv 4 3x1 p1x0 | conv 4 1x3 p0x1 ), conv 4 1x1", 32),
}


@pytest.mark.parametrize("name", INTERIOR)
def test_an_interior_unit_sees_the_same_in_an_image_of_any_size(name: str) -> None:
    text, unit = INTERIOR[name]
    seen = []
    for size in (96, 512, 8192):
        net = cs.read(text.format(size))
        jump = size // net.output[1]
        at = unit + (size - 96) // jump // 16 * 8  # moved by whole periods of all layers
        found = net.field(at=(at, at))
        moved = (at - unit) * jump
        assert found.support.exact
        assert found.box is not None
        box = tuple((first - moved, last - moved) for first, last in found.box)
        weights = found.effective
        profile = weights.profile(0)[found.box[0][0] : found.box[0][1] + 1]
        seen.append((box, found.support.pixels, found.support.grid, found.support.window.tolist()))
        assert profile.sum() == pytest.approx(1)
        if size == 96:
            first, shares = profile, (weights.shares(), weights.std, weights.on_image)
        np.testing.assert_allclose(profile, first, rtol=1e-9)
        assert weights.shares() == pytest.approx(shares[0])
        assert weights.std == pytest.approx(shares[1])
        assert weights.on_image == pytest.approx(shares[2])
    assert seen[0] == seen[1] == seen[2]


def test_long_ranges_give_what_single_taps_give(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("input 12x2, conv 2 3 p1, gru 3", "input 40x1, gru 2, aavgpool 3"):
        net = cs.read(text)
        one_by_one = cs.effective(net).heat
        with monkeypatch.context() as limit:
            limit.setattr(spread, "MANY_POSITIONS", 60)
            np.testing.assert_allclose(cs.effective(net).heat, one_by_one, rtol=1e-12)


def test_many_outputs_of_which_few_show_all() -> None:
    net = cs.read("input 8192x8192x3, conv 16 3x3 p1, flatten, linear 2")
    assert net.field().support.pixels == 8192**2
    assert net.field().support.exact


LARGE = {
    "u-net, 8192x8192": UNET.format(8192),
    "all of the image, 8192x8192": "input 8192x8192x3, conv 8 7x7 s2 p3, "
    "4*( conv 8 3x3 s2 p1 ), 2*( add( conv 8 3x3 p1 | id ) ), gap, linear 9",
    "attention over flattened places, 8192x8192": "input 8192x8192x3, conv 4 32x32 s32, rearrange a4xb256xc256:axbc, "
    "add( id | attention 1 ), cat along1( const 1x4 | id ), take 0:2, linear 3",
    "volume, 200x200x200": "input 200x200x200x1, 3*( conv 4 3 p1 ), maxpool 2, 2*( conv 4 3 p1 )",
    "sound, 1048576 samples": "input 1048576x1, conv 8 80 s4, 4*( conv 8 3 p1, maxpool 4 ), gap, linear 9",
    "sound, a recurrent layer": "input 65536x1, conv 8 4 s4, gru 8, linear 1",
    "sound, one unit": "input 1048576x1, 10*( conv 8 9 p4 ), 5*( conv 8 4 s4 )",
    "flattened, 2^28 numbers": "input 8192x8192x4, flatten, linear 3",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_image_takes_neither_time_nor_memory(name: str) -> None:
    net = cs.read(LARGE[name])
    assert clock.best(lambda: str(net.field()), limits.SECONDS) < limits.SECONDS
    found = net.field()
    text = str(found)
    assert "pixels" in text
    assert found.effective.profile(0).sum() == pytest.approx(1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count the memory in other units")
def test_a_large_image_takes_no_memory() -> None:
    code = (
        "import json, resource, sys, convscope as cs\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "str(cs.read('input 8x8x1, conv 1 3x3').field()); before = peak()\n"
        "for text in json.load(sys.stdin): str(cs.read(text).field())\n"
        "print(peak() - before)"
    )
    texts = json.dumps(list(LARGE.values()))
    done = subprocess.run([sys.executable, "-c", code], input=texts, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200  # MiB; one array of 8192x8192 floats has 512
