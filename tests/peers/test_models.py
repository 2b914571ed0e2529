"""Real models: what is read from them against what is published, what torch counts, and where gradients come from."""

import math
import tomllib
import warnings
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.analyze.line import Line
from convscope.analyze.lines import trace
from convscope.core.net import Net
from convscope.frontends.torch import Imported, read_module
from convscope.verification import Probe
from peers import zoo

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        find_spec("torchvision") is None or find_spec("timm") is None, reason="torchvision or timm is not installed"
    ),
]
MODELS = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The zoos warn about each other's names."""
    threads = torch.get_num_threads()
    zoo.make_importable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(threads)


def test_all_published_params_and_macs_of_torchvision() -> None:
    import torchvision

    looked = 0
    for name in torchvision.models.list_models(torchvision.models):
        known: dict[int, Imported] = {}
        for weights in torchvision.models.get_model_weights(name):
            side = weights.transforms().crop_size[0]
            if side not in known:
                sized = {"image_size": side} if name.startswith("vit_") else {}
                module = zoo.made("torchvision", name, **sized)
                known[side] = read_module(module, (3, side, side))
            table = known[side].net.table()
            assert table.params.value == weights.meta["num_params"], weights
            assert round(table.macs.value / 1e9, 3) == pytest.approx(weights.meta["_ops"], abs=1e-9), weights
            assert table.params.exact
            assert table.macs.exact
            looked += 1
    assert looked >= 110


SEGMENTATION = ("fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")
DETECTION = (
    "retinanet_resnet50_fpn", "fcos_resnet50_fpn", "ssd300_vgg16", "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn", "keypointrcnn_resnet50_fpn",
)  # fmt: skip


@pytest.mark.parametrize("name", [*SEGMENTATION, *DETECTION])
def test_segmentation_and_detection_are_read(name: str) -> None:
    import torchvision

    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None, weights_backbone=None)
    found = read_module(module, (3, 320, 320)).net.table()
    assert found.params.value == sum(parameter.numel() for parameter in module.parameters())
    assert found.macs.value > 10**8
    if name in SEGMENTATION:
        assert found.macs.value == zoo.multiply_adds(module, (3, 320, 320))


@pytest.mark.parametrize(("family", "name"), MODELS["families"].items())
def test_one_model_of_each_family(family: str, name: str) -> None:
    module = zoo.made("timm", name)
    shape = zoo.sizes("timm", name, module)
    table = read_module(module, shape).net.table()
    assert table.params.exact
    assert table.params.value == sum(parameter.numel() for parameter in module.parameters()), family
    counted = zoo.multiply_adds(module, shape)
    assert table.macs.value == counted or (counted is None and family == "convit")


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


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("net", MODELS["fields"]["nets"], ids=lambda net: net[1])
def test_fields_are_where_gradients_come_from(net: list[str | int], axis: int) -> None:
    """Size, stride, start and centre of the last map, gates followed and not: units at the ends and in the middle."""
    package, name, short = map(str, (*net, 64)[:3])
    module = zoo.made(package, name)
    square = read_module(module, (3, 256, 256))
    line = trace(square.net)[last_map(square.net, square.outputs)[1]][axis].line
    assert line is not None
    shape = strip(line, axis, int(short))
    found = read_module(module, shape)
    path, layer = last_map(found.net, found.outputs)
    units = found.net[layer].output[1:]
    probe = Probe(module, shape)
    probe.follow([path])
    middle = units[axis] // 2
    for gates in (False, True):
        run, tracks = probe.run(gates=gates), trace(found.net, gates=gates)[layer]
        assert run.positions[path].shape[2:] == units
        seen = {}
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
                    seen[at] = true
        if not gates:
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
