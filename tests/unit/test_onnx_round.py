"""What is written as an ONNX file is read as the same net."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.core.op import spelled
from onnx_models import run_net
from written import EXAMPLES, NETS, filled, net_of, sample

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.core.op import Example, Op


def again(net: Net, folder: Path) -> Net:
    """The net after a way out and back, with the numbers of the one that was written."""
    model, tensors = filled(net, seed=4)
    data = cs.write(net, to="onnx", tensors=tensors)
    assert isinstance(data, bytes)
    path = folder / "net.onnx"
    path.write_bytes(data)
    found = cs.read(path)
    x = sample(net)
    with torch.no_grad():
        true = model(torch.from_numpy(x)).numpy()
    numbers = run_net(found, x.astype(np.float32))
    assert numbers.size == true.size
    assert np.allclose(numbers.ravel(), true.ravel(), rtol=1e-4, atol=1e-4, equal_nan=True)
    return found


def ops(net: Net) -> list[str]:
    return [spelled(layer.node.op) for layer in net]


@pytest.mark.parametrize("name", NETS)
def test_nets(name: str, tmp_path: Path) -> None:
    net = cs.read(NETS[name])
    found = again(net, tmp_path)
    assert found.table().params == net.table().params
    assert found.table().macs == net.table().macs


@pytest.mark.parametrize(("made", "example"), EXAMPLES, ids=[example.text for _, example in EXAMPLES])
def test_every_op(made: type[Op], example: Example, tmp_path: Path) -> None:
    net = net_of(made, example)
    if made.keyword == "opaque":
        pytest.skip("it cannot be written")
    found = again(net, tmp_path)
    print(ops(net), ops(found))
