"""Models of torchvision, read and written again, compute what they did."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.writers import torch_state
from unit.test_writers import classes, module, written

pytestmark = [pytest.mark.peer, pytest.mark.slow]

MODELS = {
    "alexnet": (224, []),
    "convnext_tiny": (64, ["ResidualBlock"]),
    "densenet121": (64, ["DenseLayer"]),
    "efficientnet_b0": (64, ["ConvBNSiLU", "SqueezeExcite", "ResidualBlock"]),
    "googlenet": (64, ["ConvBNReLU", "InceptionBlock"]),
    "mnasnet1_0": (64, ["InvertedResidual"]),
    "mobilenet_v2": (64, ["InvertedResidual"]),
    "mobilenet_v3_small": (64, ["ConvBNHardswish", "SqueezeExcite", "InvertedResidual", "ResidualBlock"]),
    "regnet_y_400mf": (64, ["ResidualBlock"]),
    "resnet18": (64, ["ResidualBlock"]),
    "resnet50": (64, ["Bottleneck"]),
    "shufflenet_v2_x1_0": (64, ["ConvBNReLU"]),
    "squeezenet1_1": (64, ["ConvReLU", "InceptionBlock"]),
    "vgg11_bn": (64, []),
}
"""The side of the image, and blocks that are found, inner ones first."""


def narrow(model: Any) -> None:
    """Give the layers of 4,096 units, which have 100 million weights in VGG, 64: the net is the same but for that."""
    for at, layer in enumerate(model.classifier):
        if isinstance(layer, torch.nn.Linear):
            taken, given = (64 if size == 4096 else size for size in (layer.in_features, layer.out_features))
            model.classifier[at] = torch.nn.Linear(taken, given)


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
@pytest.mark.parametrize("name", MODELS)
def test_torchvision(name: str) -> None:
    from peers.zoo import make_importable

    make_importable()
    import torchvision

    side, blocks = MODELS[name]
    torch.manual_seed(0)
    extra = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **extra).eval()
    if name in {"alexnet", "vgg11_bn"}:
        narrow(model)
    net = cs.read(model, input=f"{side}x{side}x3")
    code = written(net)
    assert [found for found in classes(code) if found in blocks] == blocks
    assert net.tensors is not None
    made = module(code)["Net"]().eval()
    state = {key: torch.from_numpy(np.array(value)) for key, value in torch_state(net, net.tensors()).items()}
    made.load_state_dict(state)
    assert sum(p.numel() for p in made.parameters()) == sum(p.numel() for p in model.parameters())
    x = torch.randn(1, 3, side, side, dtype=torch.float64)
    with torch.no_grad():
        # a net has no axis of length 1 more or less at its end
        assert (model.double()(x).flatten(1) - made.double()(x).flatten(1)).abs().max() <= 1e-10
