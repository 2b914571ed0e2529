"""What is written as an ONNX file is read as the same net."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.errors import ModelError
from onnx_models import run_net
from written import EXAMPLES, NETS, filled, net_of, sample

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.core.op import Example, Op

OPAQUE = {"lstm 2 along2"}
"""Written with operations of which the reader only knows the shapes, and says so."""

NOTHING = {
    "id", "flatten", "rearrange a2xb4:bxa", "rearrange a2xb2c2xd3:abxcxd", "rearrange a2xb2c3:abxc",
    "rearrange a2b3:ax1xb", "pixelunshuffle 3",
}  # fmt: skip
"""They say how numbers are ordered and nothing else: the reader is free in that, and nothing is left of them."""


def again(net: Net, folder: Path, *, opaque: bool = False) -> Net:
    """The net after a way out and back; it computes the same with the numbers of the one that was written."""
    model, tensors = filled(net, seed=4)
    data = cs.write(net, to="onnx", tensors=tensors)
    assert isinstance(data, bytes)
    path = folder / "net.onnx"
    path.write_bytes(data)
    found = cs.read(path)
    assert any(layer.node.op.keyword == "opaque" for layer in found) == opaque
    if opaque:
        return found
    x = sample(net)
    with torch.no_grad():
        true = model(torch.from_numpy(x)).numpy()
    maps = x.astype(np.float32)
    numbers = run_net(found, maps if found.input == net.input else np.moveaxis(maps, -1, 1))
    ways = (numbers.transpose(0, *axes) for axes in permutations(range(1, numbers.ndim)))
    assert any(np.allclose(way.ravel(), true.ravel(), rtol=1e-4, atol=1e-4, equal_nan=True) for way in ways)
    return found


@pytest.mark.parametrize("name", NETS)
def test_nets(name: str, tmp_path: Path) -> None:
    net = cs.read(NETS[name])
    table, found = net.table(), again(net, tmp_path).table()
    unread = {"conv2", "conv3"} if name == "unread" else set()
    assert found.params == table.params
    assert found.macs.value == table.macs.value - sum(row.macs or 0 for row in table.rows if row.name in unread)


@pytest.mark.parametrize(("made", "example"), EXAMPLES, ids=[example.text for _, example in EXAMPLES])
def test_every_op(made: type[Op], example: Example, tmp_path: Path) -> None:
    net = net_of(made, example)
    if made.keyword == "opaque":
        pytest.skip("it cannot be written")
    if made.source:
        with pytest.raises(ModelError, match="does not depend on its input"):
            again(net, tmp_path)
    elif example.text in NOTHING:
        with pytest.raises(ModelError, match="the output of the model is its input"):
            again(net, tmp_path)
    else:
        again(net, tmp_path, opaque=example.text in OPAQUE)
