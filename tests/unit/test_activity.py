"""What channels do on images: numbers equal those of the values, dead channels and twins are found, work is bounded."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.analyze.cost import net_macs
from convscope.backends.torch import TorchNet
from convscope.data import registry
from convscope.lens import activity as lens
from convscope.lens.activity import activity, of_layer

NET = "input 28x28x1, conv 4 3x3 relu, conv 6 3x3, gap, linear 10"
MACS = net_macs(cs.read(NET)).value
DATA = registry.DATASETS["mnist"]
IMAGES = np.random.default_rng(0).integers(0, 255, (40, 1, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def model() -> TorchNet:
    """A net whose second channel never fires, and whose fourth is three times its third."""
    torch.manual_seed(0)
    made = TorchNet(cs.read(NET), logits=True).eval()
    with torch.no_grad():
        weight, bias = made.parts[0].parameters()
        bias[1] = -1000.0
        weight[3], bias[3] = 3 * weight[2], 3 * bias[2]
    return made


def test_the_numbers_are_those_of_the_values(model: TorchNet) -> None:
    (found,), told = activity(model, model.net, IMAGES, DATA)
    assert told == []
    assert (found.layer, found.images) == ("relu1", 40)
    x = (torch.from_numpy(IMAGES).float() / 255 - 0.1307) / 0.3081
    with torch.inference_mode():
        values = model.values({"input": x}, ["relu1"])["relu1"].double().transpose(0, 1).flatten(1)
    assert np.allclose(found.mean, values.mean(1), rtol=1e-4)
    assert np.allclose(found.std, values.std(1, correction=0), rtol=1e-4)
    assert np.allclose(found.positive, (values > 0).double().mean(1), atol=1e-3)
    assert found.dead == (1,)
    assert found.twins == ((2, 3),)


def test_channels_that_differ_are_no_twins() -> None:
    random = np.random.default_rng(0).normal(size=(8, 5, 6, 6))
    found = of_layer("relu1", random)
    assert (found.dead, found.twins) == ((), ())


@pytest.mark.parametrize(
    ("limits", "images"), [({"BYTES": 4 * 4 * 26 * 26 * 7}, 7), ({"WORK": 8 * MACS}, 8), ({"BYTES": 1}, 1)]
)
def test_work_is_bounded(
    model: TorchNet, monkeypatch: pytest.MonkeyPatch, limits: Mapping[str, int], images: int
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(lens, name, value)
    (found,), _ = activity(model, model.net, IMAGES, DATA)
    assert found.images == images


def test_nothing_is_said_without_images_or_activations(model: TorchNet) -> None:
    assert activity(model, model.net, IMAGES[:0], DATA) == ((), [])
    plain = TorchNet(cs.read("input 28x28x1, conv 4 3x3, gap, linear 10")).eval()
    assert activity(plain, plain.net, IMAGES, DATA) == ((), [])


def test_layers_that_are_left_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lens, "LAYERS", 1)
    two = TorchNet(cs.read("input 28x28x1, conv 4 3x3 relu, conv 4 3x3 relu, gap, linear 10")).eval()
    found, told = activity(two, two.net, IMAGES, DATA)
    assert [one.layer for one in found] == ["relu1"]
    assert told == ["Values of channels are given for the first 1 of 2 activations."]
