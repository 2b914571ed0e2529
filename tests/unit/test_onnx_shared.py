"""Which constants of an ONNX file are parameters, and how often: shared ones, and those that the graph makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.frontends import read
from onnx_models import Case, check, numbers, saved

PLANE = (1, 4, 8, 8)
ZEROS = np.zeros(4, np.float32)
KERNELS = {"w": (4, 4, 3, 3), "v": (4, 4, 3, 3), "u": (4, 4, 1, 1)}


def _two(first: str, second: str, stored: dict[str, Any], tmp_path: Path) -> cs.Net:
    text = f"a = Conv<pads=[1,1,1,1]>({first}) c = Relu(a) y = Conv<pads=[1,1,1,1]>({second.replace('x', 'c')})"
    names = set(f"{first}, {second}".replace(" ", "").split(","))
    case = Case(text, PLANE, {name: one for name, one in stored.items() if name in names})
    check(case, tmp_path)
    return read(saved(case.model(), tmp_path))


def test_zeros_that_are_stored_once_are_a_bias_of_each_layer(tmp_path: Path) -> None:
    net = _two("x, w, b", "x, v, b", {**KERNELS, "b": ZEROS}, tmp_path)
    assert net.table().params.value == 2 * (4 * 4 * 9 + 4)
    (note,) = net.notes
    assert note.startswith("1 tensor with the same value everywhere is shared by 2 layers and counted for each")
    assert note in str(net.table())
    assert net.table().to_json()["notes"] == [note]


def test_a_layer_that_is_used_twice_has_its_zeros_once(tmp_path: Path) -> None:
    net = _two("x, w, b", "x, w, b", {**KERNELS, "b": ZEROS}, tmp_path)
    assert net.table().params.value == 4 * 4 * 9 + 4
    assert net.notes[-1].startswith("1 tensor is shared by 2 operations and counted once")


def test_other_numbers_that_are_stored_once_are_tied(tmp_path: Path) -> None:
    net = _two("x, w, b", "x, v, b", {**KERNELS, "b": numbers((4,))}, tmp_path)
    assert net.table().params.value == 2 * 4 * 4 * 9 + 4
    (note,) = net.notes
    assert note == (
        "1 tensor is shared by 2 operations and counted once: "
        "the file does not state whether the source had one parameter or several equal ones"
    )


def test_copies_by_an_operation_are_copies(tmp_path: Path) -> None:
    """torch's older exporter hands a tensor that it joined to each layer by an Identity of its own."""
    text = "b1 = Identity(b) b2 = Identity(b) a = Conv(x, u, b1) y = Conv(a, t, b2)"
    net = read(saved(Case(text, PLANE, {"u": (4, 4, 1, 1), "t": (4, 4, 1, 1), "b": ZEROS}).model(), tmp_path))
    assert net.table().params.value == 2 * (16 + 4)


def test_a_number_that_many_operations_read_is_no_parameter_of_each(tmp_path: Path) -> None:
    """Some exporters store the 1e-5 of every norm, and the 0.5 of every activation, as one tensor of one number."""
    text = "a = Conv(x, u) b = Mul(a, half) c = Relu(b) d = Mul(c, half) e = Tanh(d) y = Mul(e, half)"
    half = np.array([0.5], np.float32)
    net = read(saved(Case(text, PLANE, {"u": (4, 4, 1, 1), "half": half}).model(), tmp_path))
    assert net.table().params.value == 16 + 1


def test_a_bias_of_one_number_is_one_of_each_layer(tmp_path: Path) -> None:
    text = "a = Conv(x, v, b) c = Conv(x, w, b) y = Add(a, c)"
    stored = {"v": (1, 4, 1, 1), "w": (1, 4, 1, 1), "b": np.zeros(1, np.float32)}
    net = read(saved(Case(text, PLANE, stored).model(), tmp_path))
    assert net.table().params.value == 2 * 5


def test_nothing_is_told_where_nothing_is_shared(tmp_path: Path) -> None:
    assert _two("x, w, b", "x, v", {**KERNELS, "b": ZEROS}, tmp_path).notes == ()


@pytest.mark.parametrize("zeros", [True, False])
def test_what_the_file_shares_is_verified(zeros: bool, tmp_path: Path) -> None:
    bias = ZEROS if zeros else numbers((4,))
    net = _two("x, w, b", "x, v, b", {**KERNELS, "b": bias}, tmp_path)
    found = cs.verify(net, units=1)
    assert found.passed, str(found)
    assert ("the source stores 4 fewer" in str(found)) == (not zeros)


def test_unused_tensors_are_verified(tmp_path: Path) -> None:
    net = read(saved(Case("y = Conv(x, w)", PLANE, {"w": (4, 4, 3, 3), "left": (5, 2)}).model(), tmp_path))
    assert cs.verify(net, units=1).passed


def _export(model: nn.Module, path: Path) -> Path:
    torch.onnx.export(
        model, (torch.rand(1, 3, 8, 8),), path, dynamo=False, do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )  # fmt: skip
    return path


@pytest.mark.filterwarnings("ignore")
def test_a_fresh_export_has_the_params_of_the_module(tmp_path: Path) -> None:
    convs = [nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)]
    for conv in convs:
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
    layers = [one for conv in convs for one in (conv, nn.BatchNorm2d(4), nn.ReLU())]
    model = nn.Sequential(*layers).eval()
    net = read(_export(model, tmp_path / "fresh.onnx"))
    assert net.table().params.value == sum(one.numel() for one in model.parameters())
    assert cs.verify(net, units=1).passed


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("newer", [False, True])
def test_netron_is_told_the_names_of_the_operations(newer: bool, tmp_path: Path) -> None:
    if newer:
        pytest.importorskip("onnxscript")
    path = tmp_path / "net.onnx"
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    more = {"dynamo": True, "external_data": False, "verbose": False} if newer else {"dynamo": False}
    torch.onnx.export(model, (torch.rand(1, 3, 8, 8),), path, opset_version=18, **more)  # type: ignore[arg-type] # options
    nodes = {node.name for node in onnx.load(path).graph.node}
    table = read(path).table()
    made = table.to_netron()
    targets = [entry["target"] for entry in made["metadata"] if entry["name"] == "op"]
    assert set(targets) <= nodes
    assert len(targets) == len(set(targets)) == len(table.rows)  # each layer at an operation of its own
    params = {e["target"]: e["value"] for e in made["metrics"] if e["name"] == "parameters" and e["kind"] == "node"}
    assert sorted(params.values()) == sorted(["112", "0", "0", "10"])


def test_layers_of_one_operation_are_told_together(tmp_path: Path) -> None:
    model = Case("y = Celu<alpha=2.0>(x)", PLANE).model()
    model.graph.node[0].name = "bend"
    (op, _) = read(saved(model, tmp_path)).table().to_netron()["metadata"]
    assert (op["target"], op["value"]) == ("bend", "times 0.5, elu, times 2.0")


LIGHT = {
    "light_bvlc_alexnet": 60_965_224,
    "light_squeezenet": 1_235_496,
    "light_vgg19": 143_667_240,
    "light_shufflenet": 1_393_320,
}
"""Models of the onnx package, and their params as those who made them count."""


@pytest.mark.parametrize("name", LIGHT)
def test_weights_that_the_graph_makes_are_params(name: str) -> None:
    data = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    net = read(data / f"{name}.onnx")
    assert net.table().params.value == LIGHT[name]
    assert "are created by the graph itself (ConstantOfShape)" in net.notes[-1]


def test_a_mask_that_the_graph_fills_is_no_weight(tmp_path: Path) -> None:
    text = "m = ConstantOfShape<value=float[1]{0.5}>(s) a = Conv(x, w) y = Mul(a, m)"
    net = read(saved(Case(text, PLANE, {"w": (4, 4, 3, 3), "s": np.array([1, 4, 1, 1])}).model(), tmp_path))
    assert net.table().params.value == 144
    assert net.notes == ()


def test_a_constant_that_is_the_kernel_of_a_layer_is_a_weight(tmp_path: Path) -> None:
    """Exporters that fold a transposition write a kernel as a constant; one that scales maps stays a constant."""
    text = (
        "k = Constant<value=float[64,2]{"
        + ",".join(map(str, numbers((128,))))
        + "}>() b = Constant<value=float[2]{1,2}>() "
        "h = Constant<value=float[4,1,1]{1,2,3,4}>() a = Conv(x, w) m = Mul(a, h) r = Reshape(m, to) p = MatMul(r, k) "
        "y = Add(p, b)"
    )
    case = Case(text, PLANE, {"w": (4, 4, 5, 5), "to": np.array([1, 64])})
    check(case, tmp_path)
    assert read(saved(case.model(), tmp_path)).table().params.value == 400 + 128 + 2
