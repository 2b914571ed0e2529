"""Fields of real models against where gradients come from."""

import math
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from convscope.analyze.line import Line
from convscope.analyze.lines import trace
from convscope.core.net import Net
from convscope.frontends.torch import read_module
from convscope.verification import Probe
from peers import zoo
from share import share

pytestmark = zoo.NEEDED
MODELS = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))


def last_map(net: Net, outputs: dict[str, str]) -> tuple[str, str]:
    """The module, and its layer, of the last map that has places."""
    order = {layer.node.name: at for at, layer in enumerate(net)}
    tracks = trace(net)
    placed = {
        path: name
        for path, name in outputs.items()
        if name in order and len(net[name].output) == 3 and min(net[name].output[1:]) > 1
        if all(track.axis is not None and track.line for track in tracks[name])
    }
    path = max(placed, key=lambda one: order[placed[one]])
    return path, placed[path]


def strip(line: Line, axis: int, short: int) -> tuple[int, int, int]:
    """An image that is longer than the field along one axis, so that units in the middle see all that they could."""
    size = max(last - first + 1 for first, last in line.phases)
    long = -(-math.ceil(size + 4 * line.stride) // 64) * 64
    return (3, long, short) if axis == 0 else (3, short, long)


@pytest.mark.parametrize("net", share(MODELS["fields"]["nets"], every=3), ids=lambda net: net[1])
def test_fields_are_where_gradients_come_from(net: list[str | int]) -> None:
    """Size, stride, start and centre of the last map, gates followed and not, along both axes of the image."""
    package, name, short = map(str, (*net, 64)[:3])
    module = zoo.made(package, name)
    square = read_module(module, (3, 256, 256))
    tracks = trace(square.net)[last_map(square.net, square.outputs)[1]]
    for axis in (0, 1):
        line = tracks[axis].line
        assert line is not None
        agree_along(axis, module, strip(line, axis, int(short)))


def agree_along(axis: int, module: nn.Module, shape: tuple[int, int, int]) -> None:
    """Units at both ends of an axis and in its middle."""
    found = read_module(module, shape)
    path, layer = last_map(found.net, found.outputs)
    units = found.net[layer].output[1:]
    probe = Probe(module, shape)
    probe.follow([path])
    middle = units[axis] // 2
    seen = {}
    for gates in (True, False):
        run, tracks = probe.run(gates=gates), trace(found.net, gates=gates)[layer]
        assert run.positions[path].shape[2:] == units
        for at in (0, middle, middle + 1, units[axis] - 1):
            place = [at if one == axis else n // 2 for one, n in enumerate(units)]
            mask = run.mask(path, [0, slice(None), *place])
            for one, track in enumerate(tracks):
                pixels = np.flatnonzero(mask.any(1 - one))
                true = (int(pixels[0]), int(pixels[-1]))
                unit = place[one] if track.axis is not None else 0
                assert track.exact, (layer, gates)
                assert (track.boxes.first[unit], track.boxes.last[unit]) == true, (layer, place, one, gates)
                if one == axis:
                    seen[at] = true  # at last without gates, as the table has it
    told = {row.name: row.field for row in found.net.table().rows}[layer][axis]
    assert told.stride is not None
    for at in (middle, middle + 1):
        turns, phase = divmod(at, len(told.boxes))
        first, last = told.boxes[phase]
        moved = turns * told.stride * len(told.boxes)
        assert (first + moved, last + moved) == seen[at]
    assert told.size == max(last - first + 1 for first, last in told.boxes)
    assert told.start == told.boxes[0][0]
    assert told.centre == Fraction(sum(told.boxes[0]), 2) or len(told.boxes) > 1
