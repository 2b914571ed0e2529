"""Claims against modules: what agrees, and what is found."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import Tensor, nn

import convscope as cs
from convscope.cli import run
from convscope.core.graph import Graph, Own
from convscope.core.net import Layer, Net
from convscope.errors import ConvscopeError, ShapeError
from convscope.frontends.given import asked
from convscope.frontends.torch import read_module
from convscope.frontends.torch.ends import Taken
from convscope.ops.conv import Conv
from convscope.verification import compare, verify
from functional import Functional, excited, gate
from strategies import geometry_texts

torch.set_num_threads(1)

LARGEST = 6000
"""Numbers in a layer of a random net."""


def drawn(text: str) -> Net:
    try:
        net = cs.read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    assume(all(math.prod(layer.output) <= LARGEST for layer in net))
    # a map of one place has no place to lose: whether it was pooled or shrunk shows in the layers only
    assume(all(min(layer.output[1:], default=2) > 1 for layer in net))
    return net


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts())
def test_random_nets_of_every_geometry_agree(text: str) -> None:
    found = verify(drawn(text), units=6)
    assert found.passed, f"{text}\n{found}"
    assert not found.doubts


def test_a_largest_number_is_found_anywhere_in_its_window() -> None:
    found = verify("input 15x14x1, maxpool 3 s2 d2 p1 ceil, conv 2 1x1, maxpool 2 s1", units=12)
    assert found.passed, found


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("conv 4 5x5 bn relu, conv 4 3x3 s2 p1", "field"),  # a dilation was forgotten
        ("conv 4 3x3 d2 bn relu, conv 4 3x3 p1", "shapes"),  # a stride
        ("conv 4 3x3 d2 bn relu, conv 4 3x3 s2 p1 g2", "params"),  # groups that are not there
        ("conv 4 3x3 d2 bn relu, conv 4 1x3 s2 p1x1", "MACs"),
    ],
)
def test_a_wrong_claim_is_found(wrong: str, what: str) -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, dilation=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2, padding=1)
    )
    right = cs.read("input 12x13x1, conv 4 3x3 d2 bn relu, conv 4 3x3 s2 p1")
    outputs = {"0": "conv1", "1": "bn1", "2": "relu1", "": "conv2"}
    assert compare(module, right, outputs).passed
    found = compare(module, cs.read(f"input 12x13x1, {wrong}"), outputs)
    assert not found.passed
    assert what in [check.what.split()[0] for check in found.checks if not check.agrees]
    assert "NO" in str(found)
    assert "px only claimed" in str(found) or what != "field"


def test_a_hull_and_a_bound_are_reported_as_such() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    told = cs.read("input 8x8x1, conv 4 3x3, opaque 6x6x4")
    checks = compare(module, told, {"0": "conv1"}).checks
    assert [(check.claimed, check.agrees) for check in checks[:2]] == [("≥ 40", True), ("≥ 1,296", True)]
    assert "unknown for opaque1" in checks[0].note
    cropped = cs.read("input 8x8x1, crop 2, opaque 4x4x4")
    (field,) = compare(nn.Conv2d(1, 4, 5), cropped, {"": "opaque1"}, units=1).checks[3:]
    assert not field.agrees
    assert field.note == "9 px only probed, from 2x6"
    found = compare(module, told, {"": "opaque1"})
    assert found.passed
    assert {check.note for check in found.checks[3:]} == {"an upper bound, which contains them"}
    assert found.checks[3].claimed == "in 0…7, 0…7: 64"


def test_what_is_repeated_to_all_places_is_a_gate_although_it_has_its_own() -> None:
    found = verify("input 9x9x1, conv 2 3x3 same, mul( id | conv 2 9x9 )", units=3)
    assert found.passed, found
    assert "field of mul1 at 4, 4, without gates" in [check.what for check in found.checks]


def test_a_live_module_is_held_against_what_is_read_from_it() -> None:
    module = Functional(excited, conv=nn.Conv2d(3, 4, 3, stride=2, padding=1), gate=gate())
    found = cs.verify(module, input="13x12x3")
    assert found.passed, found
    assert found == cs.verify(module, input="13x12x3")


NET = "input 12x12x1, conv 4 3x3 d2 bn relu, maxpool 2, conv 8 3x3 same, mul( id | gap, linear 8 sigmoid )"


def test_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["verify", NET, "--units", "3"]) == 0
    out = capsys.readouterr().out
    assert "all agree" in out
    assert "with gates" in out
    assert run(["verify", NET, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["passed"], data["input"], data["doubts"]) == (
        "convscope/verify/1",
        True,
        "12x12x1",
        [],
    )
    assert {"what", "claimed", "probed", "agrees", "note"} == data["checks"][0].keys()
    assert run(["verify", NET, "--units", "0"]) == 2
    assert '"0" is not an integer from 1' in capsys.readouterr().err
    monkeypatch.setattr("convscope.analyze.cost.macs", lambda _: 1)
    assert run(["verify", NET]) == 1
    assert "1 of " in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what torch.compile imports
def test_a_compiled_module_is_verified() -> None:
    module = torch.compile(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    assert verify(module, input="12x12x3", units=1).passed


def test_sizes_with_the_channels_first_are_explained() -> None:
    with pytest.raises(ShapeError) as caught:
        verify(nn.Conv2d(3, 8, 3), input="3x224x224")
    assert caught.value.attempt.startswith("224x224x3")


class Heads(nn.Module):
    """Two inputs, and three outputs in axes of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.rgb, self.depth = nn.Conv2d(3, 4, 3), nn.Conv2d(1, 4, 5, padding=1)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, rgb: Tensor, depth: Tensor) -> dict[str, Any]:
        both = self.rgb(rgb) + self.depth(depth)
        return {"map": self.head(both), "rest": (both.mean((2, 3)), both.permute(0, 2, 3, 1))}


SIZES = {"rgb": "9x9x3", "depth": "9x9x1"}


def test_inputs_and_outputs_are_probed_each() -> None:
    found = verify(Heads(), input=SIZES, units=1)
    assert found.passed, str(found)
    told = {check.what: check.claimed for check in found.checks}
    assert told["outputs"] == "3: 1x2x7x7, 1x4, 1x7x7x4"
    assert told["field of head at 3, 3, on rgb"] == "3…5, 3…5: 9"
    assert told["field of head at 3, 3, on depth"] == "2…6, 2…6: 25"


@pytest.mark.parametrize(
    "fault", ["an output", "the order of outputs", "the axes of an output", "a weight", "an input"]
)
def test_a_reader_that_loses_something_is_caught(fault: str) -> None:
    module = Heads()
    imported = read_module(module, asked(SIZES))
    net = imported.net
    one, two, three = net.outputs
    planted = {
        "an output": replace(net, outputs=net.outputs[:2]),
        "the order of outputs": replace(net, outputs=(two, one, three)),
        "the axes of an output": replace(net, outputs=(one, two, replace(three, order=""))),
        "a weight": replace(net, layers=tuple(map(without_bias, net.layers))),
        "an input": replace(net, layers=tuple(map(from_rgb_alone, net.layers))),
    }[fault]
    taken = Taken.of(module, asked(SIZES))
    assert compare(module, net, imported.outputs, units=2, taken=taken).passed
    found = compare(module, planted, imported.outputs, units=2, taken=taken)
    assert not found.passed
    wrong = {check.what.split()[0] for check in found.checks if not check.agrees}
    assert wrong == {"params" if fault == "a weight" else "field" if fault == "an input" else "outputs"}


def without_bias(layer: Layer) -> Layer:
    """The head has forgotten its bias."""
    if layer.node.name != "head":
        return layer
    assert isinstance(layer.node.op, Conv)
    return replace(layer, node=replace(layer.node, op=replace(layer.node.op, bias=False)))


def from_rgb_alone(layer: Layer) -> Layer:
    """The sum reads one path twice."""
    if layer.node.op.keyword != "add":
        return layer
    return replace(layer, node=replace(layer.node, inputs=(layer.node.inputs[0],) * 2))


def test_gradients_that_the_caller_turned_off_are_needed_all_the_same() -> None:
    with torch.no_grad():
        assert verify("input 9x9x1, conv 4 3x3 d2", units=2).passed
    with torch.inference_mode():
        assert verify("input 9x9x1, conv 4 3x3 d2", units=2).passed


def test_what_the_source_multiplies_on_stored_tensors_is_counted() -> None:
    """The net has the result as a constant; MACs are those of the source."""
    net = cs.read("input 5, linear 4 relu, shift 4")
    nodes = tuple(layer.node for layer in net)
    multiplied = (*nodes[:-1], replace(nodes[-1], own=Own(macs=40)))
    found = verify(Net.at(Graph(multiplied), (5,)), units=1)
    assert net.table().macs.value == 20
    assert found.passed, found
    assert (found.checks[1].claimed, found.checks[1].probed) == ("60", "60")
    assert "40 are on constants" in found.checks[1].note


WINDOWS = "rearrange a2xb2c4xd2e4:axcxexbd"
REPEATED = "avgpool 2, rearrange a2xb4xc4:axbxcxd4"
CROSSED = {
    "windows first": f"w: {WINDOWS}, from input, {REPEATED}, add( from w | id )",
    "the pooled map first": f"w: {WINDOWS}, from input, {REPEATED}, add( id | from w )",
}
"""Windows, and a pooled map that is repeated to each of them, as in an attention with global queries."""


@pytest.mark.parametrize("order", CROSSED)
def test_paths_whose_places_lie_along_different_axes_are_both_followed(order: str) -> None:
    net = cs.read(f"input 8x8x2, {CROSSED[order]}, rearrange a2xc4xe4xb2d2:axbcxde")
    assert not any(axis.exact for axis in net.table().rows[-2].field)
    found = verify(net, units=8)
    assert found.passed, str(found)


def test_paths_that_keep_one_axis_each_are_both_followed() -> None:
    net = cs.read("input 6x5x2, cat( lstm 2 both along1 | lstm 2 both along2 ), conv 2 1x1, add( id | from input )")
    sizes = {row.name: [axis.size for axis in row.field] for row in net.table().rows}
    assert sizes["cat1"] == sizes["add1"] == [6, 5]  # a unit sees its row and its column
    found = verify(net, units=8)
    assert found.passed, str(found)
