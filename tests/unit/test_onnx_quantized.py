"""Quantised models in the format ONNX are read as the float models that they were made of, clamps included.

The net leaves one thing out, which is the rounding to whole steps. So there are two checks: with the rounding put back
at every clamp the net gives what ONNX Runtime gives; and without it the outputs differ by no more than half steps can
amount to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import convscope as cs
from convscope.frontends.onnx import rules_quantized
from convscope.ops.act import Clamp
from convscope.writers import torch_state
from onnx_models import Case, run, saved
from quantized_models import FLOAT, WAYS, largest_error, quantized, run_rounded, sample, step

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.core.net import Net

onnxruntime.set_default_logger_severity(4)

EVERY = [(name, way) for name in FLOAT for way in WAYS]
LINEAR = [(name, way) for name, way in EVERY if name != "attention" and "dynamic" not in way and "16" not in way]
"""Whose errors can be bounded layer by layer."""


def bits_of(way: str) -> int:
    return 0 if way.startswith("dynamic") else 16 if way.endswith("16") else 8


def clamps(net: Net) -> list[Clamp]:
    return [layer.node.op for layer in net if isinstance(layer.node.op, Clamp)]


def written(net: Net, to: str, x: NDArray[np.float32]) -> NDArray[Any]:
    """What the written model computes."""
    made = cs.write(net, to=to)
    if isinstance(made, bytes):
        return run(onnx.load_from_string(made), x)
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(made, "<written>", "exec"), names)  # noqa: S102 -- our own code
    model = names["Net"]().eval()
    assert net.tensors is not None
    state = {key: torch.from_numpy(np.array(one)) for key, one in torch_state(net, net.tensors()).items()}
    model.load_state_dict(state)
    with torch.no_grad():
        found: NDArray[Any] = model(torch.from_numpy(x)).numpy()
    return found


def hand_made(case: Case, folder: Path) -> tuple[Net, NDArray[Any], NDArray[Any]]:
    """The net of a graph, what it gives with the rounding put back, and what ONNX Runtime gives."""
    net = cs.read(saved(case.model(), folder))
    x = sample(case, 3)
    found, true = run_rounded(net, x, 8), run(case.model(), x)
    assert found.size == true.size
    return net, found.ravel(), true.ravel()


@pytest.mark.parametrize(("name", "way"), EVERY)
def test_a_quantised_model_is_the_float_model_but_for_rounding(tmp_path: Path, name: str, way: str) -> None:
    model, case = quantized(name, way, tmp_path), FLOAT[name]
    net, true = cs.read(tmp_path / f"{name}-{way}.onnx"), cs.read(tmp_path / f"{name}.onnx")
    table, expected = net.table(), true.table()
    assert (table.params, table.macs) == (expected.params, expected.macs)
    assert net.output == true.output
    assert table.stored_bytes.exact
    assert table.stored_bytes.value < expected.stored_bytes.value
    x = sample(case, 9)
    found, wanted = run_rounded(net, x, bits_of(way)).ravel(), run(model, x).ravel()
    one = step(clamps(net)[-1], bits_of(way)) if bits_of(way) else 1e-5 * np.abs(wanted).max()
    assert np.abs(found - wanted).max() <= 1.01 * one  # a number in the middle of two steps may go either way


@pytest.mark.parametrize("to", ["torch", "onnx"])
@pytest.mark.parametrize(("name", "way"), LINEAR)
def test_what_is_written_differs_by_what_rounding_can_amount_to(tmp_path: Path, name: str, way: str, to: str) -> None:
    model = quantized(name, way, tmp_path)
    net, x = cs.read(tmp_path / f"{name}-{way}.onnx"), sample(FLOAT[name], 11)
    found, true, bound = written(net, to, x).ravel(), run(model, x).ravel(), largest_error(net, x).ravel()
    assert (np.abs(found - true) <= 1.001 * bound).all()


@pytest.mark.parametrize(("name", "way"), [("relu", "qdq"), ("residual", "operators"), ("depthwise", "qdq-each")])
def test_a_reader_that_drops_the_clamp_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    model, x = quantized(name, way, tmp_path), 3 * sample(FLOAT[name], 11)
    path, true = tmp_path / f"{name}-{way}.onnx", run(model, x).ravel()
    bound = largest_error(cs.read(path), x).ravel()
    monkeypatch.setattr(rules_quantized, "clamped", lambda _, value, *__: value)
    net = cs.read(path)
    assert not clamps(net)
    assert (np.abs(written(net, "onnx", x).ravel() - true) > bound).any()


def qdq(*, each: bool) -> Case:
    """A convolution of 3 to 8 channels, all of its tensors quantised."""
    n = 8 if each else 1
    stored = {
        "w": np.ones((8, 3, 3, 3), np.int8), "b": np.ones(8, np.int32), "xs": np.float32(0.1), "xz": np.uint8(0),
        "ws": np.full(n, 0.1, np.float32), "wz": np.zeros(n, np.int8), "bs": np.full(n, 0.01, np.float32),
        "bz": np.zeros(n, np.int32),
    }  # fmt: skip
    text = (
        "q = QuantizeLinear(x, xs, xz) dx = DequantizeLinear(q, xs, xz) dw = DequantizeLinear<axis=0>(w, ws, wz)"
        " db = DequantizeLinear<axis=0>(b, bs, bz) y = Conv<pads=[1,1,1,1]>(dx, dw, db)"
    )
    return Case(text, (1, 3, 8, 8), stored, opset=17)


@pytest.mark.parametrize(("each", "size"), [(False, 216 + 32 + 4 + 1 + 4 + 4), (True, 216 + 32 + 32 + 8 + 32 + 32)])
def test_params_are_those_of_the_float_model_and_bytes_those_of_the_file(tmp_path: Path, each: bool, size: int) -> None:
    net, *_ = hand_made(qdq(each=each), tmp_path)
    table = net.table()
    assert (table.params.value, table.stored_bytes.value) == (216 + 8, size)
    data = table.to_json()
    assert (data["total"]["stored_bytes"], data["rows"][-1]["stored_bytes"]) == (size, size)
    assert "stored" in table.to_text().split()
    assert f"weights as stored {size} B" in table.to_text()


def test_the_table_of_a_float_model_says_nothing_of_bytes() -> None:
    table = cs.read("input 8x8x1, conv 4 3x3 bn").table()
    assert "stored" not in table.to_text()
    assert table.to_json()["total"]["stored_bytes"] == 4 * (4 * 9 + 4 + 4 * 4) + 8  # batch norm counts its batches


U8 = {"s": np.float32(0.05), "z": np.uint8(96), "t": np.float32(0.1), "u": np.uint8(7)}

HAND = {
    "moved by other operators": Case(
        "q = QuantizeLinear(x, s, z) m = MaxPool<kernel_shape=[2,2]>(q) n = Transpose<perm=[0,1,3,2]>(m)"
        " e = Slice(n, one, two, axes) d = DequantizeLinear(e, s, z) y = Conv(d, w)",
        stored={**U8, "w": (3, 4, 2, 2), "one": np.array([1]), "two": np.array([4]), "axes": np.array([2])},
    ),
    "taken as it is": Case(
        "q = QuantizeLinear(x, s, z) f = Cast<to=1>(q) r = Relu(f) c = Sub(r, five) y = Conv(c, w)",
        stored={**U8, "w": (3, 4, 2, 2), "five": np.float32(5)},
    ),
    "taken by another scale": Case(
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, t, u) y = Conv(d, w)", stored={**U8, "w": (3, 4, 2, 2)}
    ),
    "an activation for each channel": Case(
        "q = QuantizeLinear<axis=1>(x, s, z) d = DequantizeLinear<axis=1>(q, s, z) y = Conv(d, w)",
        stored={
            "s": np.array([1e-5, 2e-5, 1e-5, 2e-5], np.float32), "z": np.array([30000, 0, 65535, 3], np.uint16),
            "w": (3, 4, 2, 2),
        },
        opset=21,
    ),
    "weights that are floats in the file": Case(
        "q = QuantizeLinear<axis=0>(w, s, z) d = DequantizeLinear<axis=0>(q, s, z) y = Conv(x, d)",
        stored={"w": (3, 4, 2, 2), "s": np.array([0.01, 0.002, 0.004], np.float32), "z": np.zeros(3, np.int8)},
    ),
    "small floats": Case(
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Conv(d, w)",
        stored={"s": np.float32(0.001), "z": np.int8(-128), "w": (3, 4, 2, 2)},
    ),
    "four bits": Case(
        "q = QuantizeLinear<output_dtype=22>(w, s) d = DequantizeLinear(q, s) y = Conv(x, d)",
        stored={"w": (3, 4, 2, 2), "s": np.float32(0.1)}, opset=21,
    ),
    "blocks": Case(
        "q = QuantizeLinear<axis=1, block_size=2, output_dtype=3>(w, s) y0 = Cast<to=1>(q) y1 = Mul(y0, tenth)"
        " y = Conv(x, y1)",
        stored={"w": (3, 4, 2, 2), "s": np.full((3, 2, 2, 2), 0.01, np.float32), "tenth": np.float32(0.01)}, opset=21,
    ),
    "integers in and out": Case(
        "q = QuantizeLinear(x, s, z) c = QLinearConv(q, s, z, w, ws, wz, t, u, b) f = Cast<to=1>(c) y = Identity(f)",
        stored={
            **U8, "w": np.arange(-24, 24, dtype=np.int8).reshape(3, 4, 2, 2), "ws": np.float32(0.0173),
            "wz": np.int8(0), "b": np.array([100, -2000, 3000], np.int32), "t": np.float32(0.02),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HAND)
def test_graphs_that_no_tool_makes(tmp_path: Path, name: str) -> None:
    net, found, true = hand_made(HAND[name], tmp_path)
    assert net.table().params.exact
    assert np.abs(found - true).max() <= 1e-4 * max(1.0, np.abs(true).max()), str(net)
