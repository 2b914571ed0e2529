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
from onnx_models import Case, numbers, run, saved
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


def hand_made(case: Case, folder: Path, bits: int = 8) -> tuple[Net, NDArray[Any], NDArray[Any]]:
    """The net of a graph, what it gives with the rounding put back, and what ONNX Runtime gives."""
    net = cs.read(saved(case.model(), folder))
    x = sample(case, 3)
    found, true = run_rounded(net, x, bits), run(case.model(), x)
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
    ties = len(clamps(net)) if bits_of(way) == 16 else 1  # a number between two steps may go either way
    assert np.abs(found - wanted).max() <= 1.01 * ties * one


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


@pytest.mark.parametrize("level", ["BASIC", "EXTENDED", "ALL"])
@pytest.mark.parametrize("way", ["qdq", "qdq-each", "operators", "dynamic"])
@pytest.mark.parametrize("name", FLOAT)
def test_what_the_runtime_makes_of_a_model_is_the_same_net(tmp_path: Path, name: str, way: str, level: str) -> None:
    """ONNX Runtime saves models with operators of its own, with channels last at the highest level."""
    quantized(name, way, tmp_path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(tmp_path / "made.onnx")
    onnxruntime.InferenceSession(str(tmp_path / f"{name}-{way}.onnx"), options, providers=["CPUExecutionProvider"])
    net, made = cs.read(tmp_path / f"{name}-{way}.onnx"), cs.read(tmp_path / "made.onnx")
    assert (made.table().params, made.table().macs) == (net.table().params, net.table().macs)
    x = sample(FLOAT[name], 9)
    found, true = (run_rounded(one, x, bits_of(way)).ravel() for one in (made, net))
    one = step(clamps(net)[-1]) if bits_of(way) else 1e-5 * np.abs(true).max()
    assert np.abs(found - true).max() <= 1.01 * one


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
    "an edge of integers": Case(
        "q = QuantizeLinear(x, s, z) p = Pad(q, pads, z) d = DequantizeLinear(p, s, z) y = Conv(d, w)",
        stored={**U8, "w": (3, 4, 3, 3), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HAND)
def test_graphs_that_no_tool_makes(tmp_path: Path, name: str) -> None:
    net, found, true = hand_made(HAND[name], tmp_path)
    assert net.table().params.exact
    assert not net.notes  # a scale that two operations read is not a shared weight
    assert np.abs(found - true).max() <= 1e-4 * max(1.0, np.abs(true).max()), str(net)


RUNTIME = {"com.microsoft": 1}
SCALES = {**U8, "ws": np.float32(0.01), "wz": np.int8(0)}
I8 = {**SCALES, "m": np.arange(-17, 18, dtype=np.int8).reshape(7, 5)}


def _one(op: str, settings: str = "", **stored: Any) -> Case:
    """An operator of one tensor, between integers."""
    text = f"q = QuantizeLinear(x, s, z) r = com.microsoft.{op}{settings}(q, s, z, t, u) y = DequantizeLinear(r, t, u)"
    return Case(text, stored={**U8, **stored}, opset=17, domains=RUNTIME)


def _row(text: str, **stored: Any) -> Case:
    """A graph that is given 7 numbers."""
    return Case(text, (1, 7), {**I8, **stored}, opset=17, domains=RUNTIME)


PROBABILITY: dict[str, Any] = {"t": np.float32(1 / 256), "u": np.uint8(0)}

CONTRIBUTED = {
    "leaky": _one("QLinearLeakyRelu", "<alpha=0.2>"),
    "sigmoid": _one("QLinearSigmoid", **PROBABILITY),
    "softmax": _one("QLinearSoftmax", "<axis=-1, opset=13>", **PROBABILITY),
    "mean": _one("QLinearAveragePool", "<kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2]>"),
    "mean, channels last": _one("QLinearGlobalAveragePool", "<channels_last=1>"),
    "choice": Case(
        "q = QuantizeLinear(x, s, z) r = com.microsoft.QLinearWhere(c, q, s, z, k, t, u, s, z)"
        " y = DequantizeLinear(r, s, z)",
        stored={**U8, "c": numbers((1, 4, 6, 5)) > 0, "k": np.uint8(9)}, opset=17, domains=RUNTIME,
    ),
    "joined": Case(
        "q = QuantizeLinear(x, s, z) p = QuantizeLinear(x, t, u)"
        " r = com.microsoft.QLinearConcat<axis=1>(s, z, q, s, z, p, t, u) y = DequantizeLinear(r, s, z)",
        stored=U8, opset=17, domains=RUNTIME,
    ),
    "product": Case(
        "q = QuantizeLinear(x, s, z) p = QuantizeLinear(x, t, u)"
        " r = com.microsoft.QLinearMul(q, s, z, p, t, u, t, u) y = DequantizeLinear(r, t, u)",
        stored=U8, opset=17, domains=RUNTIME,
    ),
    "sum with a weight": Case(
        "q = QuantizeLinear(x, s, z) r = com.microsoft.QLinearAdd(q, s, z, k, t, u, t, u)"
        " y = DequantizeLinear(r, t, u)",
        stored={**U8, "k": np.arange(4, dtype=np.uint8).reshape(1, 4, 1, 1)}, opset=17, domains=RUNTIME,
    ),
    "gemm": _row(
        "q = QuantizeLinear(x, s, z) r = com.microsoft.QGemm(q, s, z, m, wws, wwz, b, t, u)"
        " y = DequantizeLinear(r, t, u)",
        wws=np.linspace(0.01, 0.02, 5, dtype=np.float32), wwz=np.zeros(5, np.int8),
        b=np.arange(0, 500, 100, dtype=np.int32),
    ),
    "gemm to floats": _row(
        "q = QuantizeLinear(x, s, z) y = com.microsoft.QGemm(q, s, z, m, ws, wz, b)",
        b=np.arange(0, 500, 100, dtype=np.int32),
    ),
    "static scales": _row(
        "q = QuantizeLinear(x, s, z) a = MatMulInteger(q, m, z, wz) f = Cast<to=1>(a) y = Mul(f, sw)",
        sw=np.float32(0.05 * 0.01),
    ),
    "16 bits": Case(
        "q = com.microsoft.QuantizeLinear(x, s, z) d = com.microsoft.DequantizeLinear(q, s, z) y = Conv(d, w)",
        stored={"s": np.float32(1e-5), "z": np.uint16(30000), "w": (3, 4, 3, 3)}, opset=17, domains=RUNTIME,
    ),
}  # fmt: skip
"""Operators of ONNX Runtime, quantised with stored scales."""

DYNAMIC = {
    "to floats": (40, _row(
        "q, xs, xz = DynamicQuantizeLinear(x) y = com.microsoft.MatMulIntegerToFloat(q, m, xs, ws, xz, wz, b)", b=(5,)
    )),
    "in one": (40, _row("y = com.microsoft.DynamicQuantizeMatMul(x, m, ws, wz, b)", b=(5,))),
    "scales one after the other": (35, _row(
        "q, xs, xz = DynamicQuantizeLinear(x) a = MatMulInteger(q, m, xz, wz) c = Cast<to=1>(a) e = Mul(c, xs)"
        " y = Mul(e, ws)",
    )),
    "read twice": (35, _row(
        "q, xs, xz = DynamicQuantizeLinear(x) a = MatMulInteger(q, m, xz, wz) c = Cast<to=1>(a) e = Mul(c, xs)"
        " f = Mul(e, ws) g = Mul(e, t) y = Add(f, g)",
    )),
    "of two tensors": (0, Case(
        "q, xs, xz = DynamicQuantizeLinear(x) n = Transpose<perm=[0,2,1]>(x) p, ps, pz = DynamicQuantizeLinear(n)"
        " a = MatMulInteger(q, p, xz, pz) c = Cast<to=1>(a) e = Mul(xs, ps) y = Mul(c, e)",
        (1, 4, 6), opset=17,
    )),
    "attention": (216, Case(
        "q, xs, xz = DynamicQuantizeLinear(x) y = com.microsoft.QAttention<num_heads=2>(q, w, b, xs, ws, , xz, wz)",
        (1, 5, 8), {**SCALES, "w": np.arange(-96, 96, dtype=np.int8).reshape(8, 24), "b": (24,)}, opset=17,
        domains=RUNTIME,
    )),
}  # fmt: skip
"""Products whose input is quantised by its own range, and how many params they have."""


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_operators_of_the_runtime(tmp_path: Path, name: str) -> None:
    net, found, true = hand_made(CONTRIBUTED[name], tmp_path, 16 if name == "16 bits" else 8)
    assert net.table().params.exact
    ends = [step(one) for one in clamps(net)[1:]] or [1e-4]
    assert np.abs(found - true).max() <= 1.01 * ends[-1], str(net)


@pytest.mark.parametrize("name", DYNAMIC)
def test_products_that_are_quantised_by_their_range(tmp_path: Path, name: str) -> None:
    params, case = DYNAMIC[name]
    net, x = cs.read(saved(case.model(), tmp_path)), sample(case, 3)
    assert net.table().params.value == params
    found, true = run_rounded(net, x, 0).ravel(), run(case.model(), x).ravel()
    if name == "of two tensors":  # which has no weights, by which the test tells what is rounded
        found, true = written(net, "onnx", x).ravel(), np.ravel(x[0] @ x[0].T)
    assert np.abs(found - true).max() <= 1e-5 * max(1.0, np.abs(true).max()), str(net)


def test_a_recurrent_layer_is_the_one_with_its_weights_as_floats(tmp_path: Path) -> None:
    w = np.arange(-60, 60, dtype=np.int8).reshape(1, 6, 20)
    r = np.arange(-50, 50, dtype=np.int8).reshape(1, 5, 20)
    text = "n = Transpose<perm=[1,0,2]>(x) all, h, c = {}<hidden_size=5>({}) y = Squeeze(h, zero)"
    both = {"b": (1, 40), "zero": np.zeros(1, np.int64)}
    settings = {"ws": np.full(1, 0.01, np.float32), "rs": np.full(1, 0.02, np.float32), "wz": np.zeros(1, np.int8)}
    integers = "n, w, r, b, , , , , ws, wz, rs, wz"
    made = Case(
        text.format("com.microsoft.DynamicQuantizeLSTM", integers), (1, 7, 6), {**both, **settings, "w": w, "r": r},
        opset=17, domains=RUNTIME,
    )  # fmt: skip
    turned = {"w": np.float32(0.01) * w.swapaxes(1, 2), "r": np.float32(0.02) * r.swapaxes(1, 2)}
    floats = Case(text.format("LSTM", "n, w, r, b"), (1, 7, 6), both | turned, opset=17)
    net, x = cs.read(saved(made.model(), tmp_path)), sample(made, 3)
    assert net.table().params.value == 120 + 100 + 40
    assert np.abs(written(net, "onnx", x).ravel() - run(floats.model(), x).ravel()).max() <= 1e-5


@pytest.mark.parametrize("block", [16, 32])
@pytest.mark.parametrize("shift", [False, True])
def test_weights_of_four_bits_in_blocks(tmp_path: Path, block: int, *, shift: bool) -> None:
    blocks = -(-40 // block)
    random = np.random.default_rng(block)
    stored: dict[str, Any] = {
        "w": random.integers(0, 256, (6, blocks, block // 2)).astype(np.uint8),
        "s": random.uniform(0.01, 0.1, 6 * blocks).astype(np.float32),
        "b": (6,),
    }
    if shift:
        stored["z"] = random.integers(0, 256, 6 * -(-blocks // 2)).astype(np.uint8)
    text = f"y = com.microsoft.MatMulNBits<N=6, K=40, bits=4, block_size={block}>(x, w, s, {'z' if shift else ''}, , b)"
    case = Case(text, (1, 40), stored, opset=17, domains=RUNTIME)
    net, found, true = hand_made(case, tmp_path)
    table = net.table()
    assert (table.params.value, table.macs.value) == (6 * 40 + 6, 6 * 40)
    zeros = stored["z"].nbytes if shift else 0
    assert table.stored_bytes.value == 6 * 40 // 2 + 6 * blocks * 4 + zeros + 6 * 4
    assert np.abs(found - true).max() <= 1e-4 * np.abs(true).max()
