"""What torch exports is read as the module itself: the same layers, params and multiply-adds, and the same numbers."""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from convscope.core.op import spelled
from convscope.frontends import read
from onnx_models import run_net
from peers.zoo import make_importable

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from convscope.core.net import Net

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        not all(map(find_spec, ("onnxscript", "onnxruntime", "timm", "torchvision"))),
        reason="onnxscript, onnxruntime, timm or torchvision is not installed",
    ),
]

NETS = {
    "torchvision:resnet18": 64,
    "torchvision:mobilenet_v2": 64,
    "torchvision:mobilenet_v3_small": 64,
    "torchvision:squeezenet1_1": 64,
    "torchvision:shufflenet_v2_x0_5": 64,
    "torchvision:mnasnet0_5": 64,
    "torchvision:regnet_y_400mf": 64,
    "torchvision:efficientnet_b0": 64,
    "timm:convnext_atto": 64,
    "timm:deit_tiny_patch16_224": 224,
    "timm:edgenext_xx_small": 64,
    "timm:fastvit_t8": 64,
    "timm:ghostnet_050": 64,
    "timm:mobilenetv4_conv_small": 64,
    "timm:mobilevit_xxs": 64,
    "timm:pvt_v2_b0": 64,
    "timm:repvgg_a0": 64,
    "timm:resnet10t": 64,
    "timm:skresnet18": 64,
    "timm:xcit_nano_12_p16_224": 64,
}
"""Nets with few params, by the size of the image."""

BOTH = ("torchvision:squeezenet1_1", "timm:convnext_atto", "timm:mobilevit_xxs")
"""Those that the newer exporter, which takes much longer, writes too."""


def made(name: str) -> nn.Module:
    """A model in which no two tensors are alike: exporters store equal ones once."""
    make_importable()
    import timm
    import torchvision

    package, _, model = name.partition(":")
    torch.manual_seed(0)
    net: nn.Module = timm.create_model(model) if package == "timm" else torchvision.models.get_model(model)
    with torch.no_grad():
        for key, tensor in {**dict(net.named_parameters()), **dict(net.named_buffers())}.items():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) * (0.5 if "running_var" in key else 0.02))
    return net.eval()


def exported(net: nn.Module, size: int, path: Path, *, newer: bool) -> Path:
    x = torch.zeros(1, 3, size, size)
    kept = {"optimize": False, "verbose": False, "external_data": False}
    older = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters warn of themselves
        torch.onnx.export(net, (x,), path, dynamo=newer, **(kept if newer else older))
    return path


def row(text: str) -> str:
    """A layer as it is written, numbers as exact as float32 has them."""
    return re.sub(r"-?\d*\.\d+(e-?\d+)?", lambda number: f"{float(number[0]):.6g}", text)


def rows(net: Net) -> list[tuple[str, object, int, int]]:
    """The layers but for dropout, which exporters leave out."""
    found = net.table().rows
    layers = zip(net, found, strict=True)
    return sorted(
        (row(spelled(layer.node.op)), layer.output, one.params or 0, one.macs or 0)
        for layer, one in layers
        if layer.node.op.keyword != "dropout"
    )


def compare(name: str, folder: Path, *, newer: bool) -> None:
    import onnxruntime

    size = NETS[name]
    net = made(name)
    path = exported(net, size, folder / "net.onnx", newer=newer)
    found, true = read(path), read(net, input=f"{size}x{size}x3")
    assert rows(found) == rows(true)
    assert found.unused == ()
    x = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {session.get_inputs()[0].name: x})[0]
    assert np.abs(run_net(found, x).ravel() - wanted.ravel()).max() < 1e-4 * max(1, np.abs(wanted).max())


@pytest.mark.parametrize("name", NETS)
def test_an_export_is_the_module(name: str, tmp_path: Path) -> None:
    compare(name, tmp_path, newer=False)


@pytest.mark.parametrize("name", BOTH)
def test_an_export_of_the_newer_kind_is_the_module(name: str, tmp_path: Path) -> None:
    compare(name, tmp_path, newer=True)


def test_norms_that_the_exporter_takes_into_convolutions_are_gone(tmp_path: Path) -> None:
    """The usual export: the same convolutions and multiply-adds, fewer params."""
    net = made("torchvision:resnet18")
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.zeros(1, 3, 64, 64),), path, dynamo=False)
    found, true = read(path).table(), read(net, input="64x64x3").table()
    assert sum(one.macs or 0 for one in found.rows) == sum(one.macs or 0 for one in true.rows)
    norms = [one.params or 0 for one in true.rows if one.op.startswith("bn")]
    assert len(true.rows) - len(found.rows) == len(norms) == 20
    # a norm's two numbers a channel become one, the bias of the convolution before it
    assert sum(one.params or 0 for one in true.rows) - sum(one.params or 0 for one in found.rows) == sum(norms) // 2
