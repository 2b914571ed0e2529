"""Boxes, supports and fields of random nets are where gradients come from."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convscope.analyze.effective import effective
from convscope.analyze.lines import trace
from convscope.analyze.regions import products
from convscope.analyze.support import support
from convscope.backends.torch import TorchNet
from convscope.core.net import Net
from convscope.errors import ConvscopeError
from convscope.frontends import read
from strategies import geometry_texts

NETS = 520
LARGEST = 4000
"""Numbers in a layer of a random net."""


def gradients(net: Net, unit: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels with a gradient at all channels of one place of the last layer."""
    torch.manual_seed(0)
    model = TorchNet(net).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # positive, so that nothing cancels; by the fan-in, so that no softmax saturates
            parameter.copy_((parameter.abs() + 0.1) / parameter[0].numel())
    x = (torch.rand(1, *net.input, dtype=torch.float64) + 0.5).requires_grad_()
    place = model(x)[(0, slice(None), *unit)]
    # channels are weighed by chance, because the values of a norm sum up to a constant
    total = (place * torch.rand(len(place), dtype=torch.float64)).sum()
    (slope,) = torch.autograd.grad(total, x, allow_unused=True, materialize_grads=True)
    size = slope[0].abs().amax(0)
    found: NDArray[np.bool_] = (size > 1e-13 * max(float(size.max()), 1e-300)).numpy()
    return found


def drawn(text: str) -> Net:
    try:
        net = read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    assume(len(net.output) == 3)
    assume(all(math.prod(layer.output) <= LARGEST for layer in net))
    # a norm of a norm changes nothing, so that its gradients are rounding; one is enough to ask about statistics
    assume(sum(bool(layer.statistics) for layer in net) <= 1)
    # a norm, or a softmax, over one place is constant: declared as read, but without a gradient
    assume(all(math.prod(layer.inputs[0][1:]) > 2 for layer in net if layer.statistics))
    return net


def box(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    lines = (np.flatnonzero(mask.any(1 - axis)) for axis in (0, 1))
    return [(int(line[0]), int(line[-1])) if len(line) else (0, -1) for line in lines]


@pytest.mark.slow
@settings(max_examples=NETS, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts(), st.data())
def test_support_box_and_field_are_where_gradients_come_from(text: str, data: st.DataObject) -> None:
    net = drawn(text)
    unit = tuple(data.draw(st.integers(0, size - 1)) for size in net.output[1:])
    true = gradients(net, unit)
    found = support(net, at=unit)
    if not found.exact:
        assert not (true & ~found.mask).any()
        return
    assert np.array_equal(found.mask, true), f"{np.argwhere(found.mask != true).tolist()}"
    tracks = trace(net, gates=True)[net.layers[-1].node.name]
    for track, at, (first, last) in zip(tracks, unit, box(true), strict=True):
        if track.axis is None:
            # all units together; one of them may see less where the other axis is cut
            assert track.boxes.hull()[0] <= first or first > last
            assert track.boxes.hull()[1] >= last
            continue
        seen = int(track.boxes.first[at]), int(track.boxes.last[at])
        if first <= last:
            assert seen[0] <= first
            assert seen[1] >= last
            assert seen == (first, last) or not track.exact


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts())
def test_the_closed_form_is_what_a_unit_far_from_all_borders_sees(text: str) -> None:
    try:
        net = read(text, input=f"240x252x{drawn_channels(text)}")
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- as above
    assume(len(net.output) == 3 and max(net.output[1:]) < 5000)
    tracks = trace(net)[net.layers[-1].node.name]
    for track, size, units in zip(tracks, net.input[1:], net.output[1:], strict=True):
        if track.line is None or track.axis is None or not track.exact:
            continue
        for unit in range(units // 2, units // 2 + min(4, len(track.line.phases))):
            start, end = track.line.box(unit)
            if size // 4 <= start <= end <= size - size // 4:
                assert (int(track.boxes.first[unit]), int(track.boxes.last[unit])) == (start, end)


def drawn_channels(text: str) -> str:
    return text.split(",", maxsplit=1)[0].rsplit("x", 1)[1]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts(), st.data())
def test_the_effective_field_lies_on_the_support_and_loses_only_to_padding(text: str, data: st.DataObject) -> None:
    net = drawn(text)
    unit = tuple(data.draw(st.integers(0, size - 1)) for size in net.output[1:])
    weights = effective(net, at=unit)
    assert weights.heat.min() >= 0
    assert weights.on_image <= 1 + 1e-9
    assert all(share <= 1 for share in weights.shares().values())
    assert not (weights.heat[~support(net, at=unit, gates=False).mask] > 1e-12).any()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts(), st.data())
def test_a_patch_sees_what_its_units_see(text: str, data: st.DataObject) -> None:
    net = drawn(text)
    ends = [sorted(data.draw(st.integers(0, size - 1)) for _ in range(2)) for size in net.output[1:]]
    patch = [(lo, min(hi, lo + 2)) for lo, hi in ends]
    units = [(y, x) for y in range(patch[0][0], patch[0][1] + 1) for x in range(patch[1][0], patch[1][1] + 1)]
    joined: Any = np.logical_or.reduce([support(net, at=unit).mask for unit in units])
    whole = support(net, at=patch)
    if whole.exact:
        assert np.array_equal(whole.mask, joined)
    else:
        assert not (joined & ~whole.mask).any()


@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=1, max_size=4))
def test_a_mask_is_the_union_of_its_products(rows: list[list[bool]]) -> None:
    mask = np.array(rows).reshape(len(rows), 3, 4)
    again = np.zeros_like(mask)
    for region in products(mask):
        assert not again[np.ix_(*region)].any()
        again[np.ix_(*region)] = True
    assert np.array_equal(again, mask)
