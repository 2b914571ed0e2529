"""Real models: what is read from them against what is published, what torch counts, and where gradients come from."""

import tomllib
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

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
DETECTION = ("retinanet_resnet50_fpn",)  # those with an own nms operator do not run without torchvision's compiled part


@pytest.mark.parametrize("name", [*SEGMENTATION, *DETECTION])
def test_segmentation_and_detection_are_read(name: str) -> None:
    import torchvision

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


@pytest.mark.parametrize(("package", "name", "side"), MODELS["fields"]["nets"])
def test_fields_are_where_gradients_come_from(package: str, name: str, side: int) -> None:
    """Size, stride, start and centre along both axes, gates followed and not, by units in corners and middle."""
    module = zoo.made(package, name)
    shape = (3, side, side + 32)
    found = read_module(module, shape)
    path, layer = last_map(found.net, found.outputs)
    probe = Probe(module, shape)
    probe.follow([path])
    height, width = found.net[layer].output[1:]
    for gates in (False, True):
        tracks = trace(found.net, gates=gates)[layer]
        for place in dict.fromkeys([(0, 0), (height // 2, width // 2), (height - 1, width - 1), (0, width - 1)]):
            mask = probe.unit(path, place, gates=gates)
            for axis, track in enumerate(tracks):
                seen = np.flatnonzero(mask.any(1 - axis))
                true = (int(seen[0]), int(seen[-1]))
                assert track.exact, (layer, gates)
                at = place[axis] if track.axis is not None else 0
                assert (track.boxes.first[at], track.boxes.last[at]) == true, (layer, place, axis, gates)
                if track.line:  # the closed form, cut at the border of the picture
                    first, last = track.line.box(place[axis])
                    assert first <= true[0]
                    assert true[1] <= last
                    assert true[0] == first or true[0] < track.line.stride
                    assert true[1] == last or true[1] >= shape[1 + axis] - track.line.stride
