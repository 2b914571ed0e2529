"""Recurrent layers that are called with the states of their caller: a few steps are read one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from convscope.frontends import read
from onnx_models import numbers, saved
from outputs import keras_outputs, onnx_outputs, same, torch_outputs
from peers.sources import given

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
HIDDEN, COLUMNS = 3, 5


def layer(kind: str, steps: int, *, after: int = 0) -> ModelProto:
    """One layer with given states; its batch lies in the middle."""
    rows, states = GATES[kind] * HIDDEN, ["h", "c"] if kind == "LSTM" else ["h"]
    sizes = {"W": (1, rows, COLUMNS), "R": (1, rows, HIDDEN), "B": (1, 2 * rows)}
    stored = [numpy_helper.from_array(numbers(size, len(size)), name) for name, size in sizes.items()]
    inputs: list[tuple[str, Any]] = [
        ("x", [steps, "n", COLUMNS]),
        *((one, [1, "n", HIDDEN]) for one in states),
    ]
    outputs: list[tuple[str, Any]] = [
        ("y", [steps, 1, "n", HIDDEN]),
        *((f"y{one}", [1, "n", HIDDEN]) for one in states),
    ]
    more: dict[str, Any] = {"linear_before_reset": after} if kind == "GRU" else {}
    names = [name for name, _ in outputs]
    node = helper.make_node(kind, ["x", "W", "R", "B", "", *states], names, hidden_size=HIDDEN, **more)
    info = helper.make_tensor_value_info
    taken, made = ([info(name, TensorProto.FLOAT, size) for name, size in some] for some in (inputs, outputs))
    graph = helper.make_graph([node], "g", taken, made, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def net_of(kind: str, steps: int, folder: Path, *, after: int = 0) -> Net:
    said = {"x": f"{steps}xnx{COLUMNS}", "h": f"1xnx{HIDDEN}"} | ({"c": f"1xnx{HIDDEN}"} if kind == "LSTM" else {})
    return read(saved(layer(kind, steps, after=after), folder), input=said)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("kind", "after"), [("LSTM", 0), ("GRU", 0), ("GRU", 1), ("RNN", 0)])
def test_a_few_steps(kind: str, after: int, steps: int, tmp_path: Path) -> None:
    net = net_of(kind, steps, tmp_path, after=after)
    rows = GATES[kind] * HIDDEN
    table = net.table()
    assert (table.params.value, table.params.exact) == (rows * (COLUMNS + HIDDEN + 2), True)
    assert (table.macs.value, table.macs.exact) == (steps * rows * (COLUMNS + HIDDEN), True)
    inputs = given(net)
    session = onnxruntime.InferenceSession(layer(kind, steps, after=after).SerializeToString())
    fed = {one.name: x.contiguous().numpy() for one, x in zip(net.inputs, inputs, strict=True)}
    true = [torch.from_numpy(np.asarray(one)) for one in session.run(None, fed)]
    assert net.tensors is not None
    for write in (torch_outputs, onnx_outputs, keras_outputs):
        for mine, theirs in zip(write(net, dict(net.tensors()), inputs), true, strict=True):
            same(net, mine, theirs, 1e-6)


def test_many_steps_are_one_opaque_layer_whose_cost_is_known(tmp_path: Path) -> None:
    net = net_of("LSTM", 9, tmp_path)
    assert {layer.node.op.keyword for layer in net} >= {"opaque"}
    table = net.table()
    assert (table.params.value, table.params.exact) == (12 * 10, True)
    assert (table.macs.value, table.macs.exact) == (9 * 12 * 8, True)
