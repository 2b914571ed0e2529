"""Laws over random nets: what is written is read back, shapes and fields are torch's, totals are sums."""

from fractions import Fraction

import numpy as np
import torch
from hypothesis import HealthCheck, assume, given, settings

from convscope.analyze.field import fields
from convscope.analyze.table import layer_table
from convscope.backends.torch import TorchNet
from convscope.core.net import Net
from convscope.errors import ShapeError
from convscope.frontends import read
from strategies import net_texts

DRAWS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def fitting(text: str) -> Net:
    """The net, if its layers fit (a random one may shrink to nothing)."""
    try:
        return read(text)
    except ShapeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise


@DRAWS
@given(net_texts())
def test_read_after_write_is_the_same_net(text: str) -> None:
    net = fitting(text)
    again = read(str(net))
    assert again == net
    assert str(again) == str(net)


@DRAWS
@given(net_texts())
def test_totals_are_sums_and_shapes_are_torchs(text: str) -> None:
    net = fitting(text)
    table = layer_table(net)
    assert table.params.value == sum(row.params or 0 for row in table.rows)
    assert table.macs.value == sum(row.macs or 0 for row in table.rows)
    model = TorchNet(net).eval()
    assert sum(p.numel() for p in model.parameters()) == table.params.value
    with torch.no_grad():
        assert tuple(model(torch.zeros(1, *net.input)).shape[1:]) == net.output


def probed_box(net: Net, unit: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """Rows and columns of the input that reach one place of the last map, by gradients on an unbounded picture.

    The picture is grown so that the unit's field lies inside; a linear stand-in with positive weights replaces every
    op that could hide a path.
    """
    model = TorchNet(net).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.abs() + 0.1)
    x = torch.rand(1, *net.input, dtype=torch.float64).add_(0.5).requires_grad_()
    out = model(x)
    (slope,) = torch.autograd.grad(out[(0, slice(None), *unit)].sum(), x, allow_unused=True, materialize_grads=True)
    mask = (slope[0] != 0).any(0).numpy()
    if not mask.any():
        return None
    return [
        (int(np.flatnonzero(mask.any(1 - axis))[0]), int(np.flatnonzero(mask.any(1 - axis))[-1])) for axis in (0, 1)
    ]


@DRAWS
@given(net_texts(longest=5))
def test_the_box_of_a_unit_is_where_gradients_come_from(text: str) -> None:
    # averages look everywhere in a window, as maxima do over all pictures; gates are told apart by the two fields
    net = fitting(text.replace("maxpool", "avgpool"))
    assume(len(net.output) == 3)
    found = fields(net, gates=True)[net.layers[-1].node.name]
    assume(all(axis.stride is not None and axis.phases == 1 for axis in found))
    unit = tuple(size // 2 for size in net.output[1:])
    box = probed_box(net, unit)
    if box is None:
        return
    for axis, at, size, (first, last) in zip(found, unit, net.input[1:], box, strict=True):
        start = (axis.start or 0) + at * (axis.stride or Fraction(0))
        end = start + axis.size - 1
        # gradients show the part of the box that lies on the picture; holes at its ends only where padding is
        assert max(Fraction(0), start) <= first
        assert last <= min(Fraction(size - 1), end)
        if start >= 0 and end < size:
            assert (first, last) == (start, end)
