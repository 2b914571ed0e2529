"""Laws over random nets: what is written is read back, shapes and fields are torch's, totals are sums."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convscope.analyze.field import fields
from convscope.analyze.table import layer_table
from convscope.backends.torch import TorchNet
from convscope.core.graph import INPUT, Graph, Input, Output
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
    assert table.stored_bytes.value == sum(row.stored_bytes or 0 for row in table.rows)
    assert table.stored_bytes.value == sum(t.numel() * t.element_size() for t in model.state_dict().values())
    with torch.no_grad():
        assert tuple(model(torch.zeros(1, *net.input)).shape[1:]) == net.output


def probed_box(net: Net, unit: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """Rows and columns of the input that reach one place of the last map, by gradients on an unbounded image.

    The image is grown so that the unit's field lies inside; a linear stand-in with positive weights replaces every
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
    # averages look everywhere in a window, as maxima do over all images; gates are told apart by the two fields
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
        # gradients show the part of the box that lies on the image; holes at its ends only where padding is
        assert max(Fraction(0), start) <= first
        assert last <= min(Fraction(size - 1), end)
        if start >= 0 and end < size:
            assert (first, last) == (start, end)


ODD_NAMES = st.sampled_from(
    [
        "../../x", ".x", "-x", "--json", "*", "input", "output", "from", "relu2", "id1", "3", "3x3", "a b", 'say "x"',
        "\\", "#", "a:b", "a/b:0", "(", "|", "\n", "\u202e", "卷积", "named", "as", "tuple", "conv_1/" * 60, "x" * 240,
        "x" * 200, "x" * 199,
    ]
)  # fmt: skip
NAMES = st.one_of(ODD_NAMES, st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))


@DRAWS
@given(net_texts(longest=3), st.lists(NAMES, min_size=16, max_size=16, unique=True), st.data())
def test_any_name_reads_back(text: str, names: list[str], data: st.DataObject) -> None:
    net = fitting(text)
    old = [layer.node.name for layer in net]
    assume(len(old) + 3 <= len(names))
    kept = data.draw(st.sets(st.sampled_from(old)))
    new = {name: name if name in kept else other for name, other in zip(old, names, strict=False)}
    assume(len(set(new.values())) == len(new))
    given_name = data.draw(st.sampled_from([INPUT, names[-1]]))
    assume(given_name not in new.values())
    new[INPUT] = given_name
    nodes = tuple(
        replace(layer.node, name=new[layer.node.name], inputs=tuple(new[name] for name in layer.node.inputs))
        for layer in net
    )
    ends = data.draw(st.lists(st.sampled_from(old), max_size=3, unique=True))
    outputs = tuple(Output(new[end], (names[-2], at), title=names[-3] if at else "") for at, end in enumerate(ends))
    made = Net.at(Graph(nodes, (given_name,), outputs), (Input(given_name, net.input),))
    again = read(str(made))
    assert again == made
    assert str(again) == str(made)
