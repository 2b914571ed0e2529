"""ONNX as it is met: further outputs of operators, operators on constants, operations in any order."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from convscope.errors import ModelError
from convscope.frontends import read
from onnx_models import Case, check, numbers, run, run_net, saved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLANE = (1, 4, 6, 5)
TIMES = (7, 1, 6)
LAST = (1, 6, 7)
"""Seven times of six numbers, as an image whose last axis is turned to the front."""

TURN = "t = Transpose<perm=[2,0,1]>(x) "
RNN = {"w": (1, 5, 6), "r": (1, 5, 5), "b": (1, 10), "w3": (1, 15, 6), "r3": (1, 15, 5), "b3": (1, 30)}
LSTM = {
    "w4": (1, 20, 6),
    "r4": (1, 20, 5),
    "b4": (1, 40),
    "p": (1, 15),
    "b2": (2, 40),
    "w2": (2, 20, 6),
    "r2": (2, 20, 5),
}

FURTHER: dict[str, tuple[str, tuple[int, ...], Mapping[str, Any]]] = {
    "rnn": (TURN + "a, z = RNN<hidden_size=5>(t, w, r, b)", LAST, RNN),
    "gru": (TURN + "a, z = GRU<hidden_size=5>(t, w3, r3, b3)", LAST, RNN),
    "gru of the other kind": (TURN + "a, z = GRU<hidden_size=5, linear_before_reset=1>(t, w3, r3, b3)", LAST, RNN),
    "lstm, its cell": (TURN + "a, h, z = LSTM<hidden_size=5>(t, w4, r4, b4)", LAST, LSTM),
    "lstm with peepholes": (TURN + "a, z, c = LSTM<hidden_size=5>(t, w4, r4, b4, , , , p)", LAST, LSTM),
    "lstm in both directions, its cell": (
        TURN + 'a, h, z = LSTM<hidden_size=5, direction="bidirectional">(t, w2, r2, b2)', LAST, LSTM
    ),
    "split": ("a, z = Split<axis=1>(x, s)", PLANE, {"s": np.array([1, 3])}),
    "topk, its places": ("a, i = TopK<axis=1>(x, k) z = Cast<to=1>(i)", PLANE, {"k": np.array([3])}),
    "maxpool, its places": ("a, i = MaxPool<kernel_shape=[2,2]>(x) z = Cast<to=1>(i)", PLANE, {}),
    "layernorm, its mean": ("a, z, s = LayerNormalization(x, w)", PLANE, {"w": (5,)}),
    "layernorm, its spread": ("a, m, z = LayerNormalization<axis=2>(x, w)", PLANE, {"w": (6, 5)}),
    "batch norm, its mean": (
        "a, z, u = BatchNormalization<training_mode=1>(x, w, w, w, w)", PLANE, {"w": (4,)}
    ),
}  # fmt: skip
"""Operations whose output ``z`` is not the first: text, input and constants."""


@pytest.mark.parametrize("name", FURTHER)
def test_a_further_output_has_its_own_sizes(name: str, tmp_path: Path) -> None:
    text, shape, stored = FURTHER[name]
    text = (
        text.replace("y = Cast", "z = Cast") if "Cast" in text else text.replace(" y", " z", 1).replace(", y,", ", z,")
    )
    text += " y = Identity(z)"
    model = Case(text, shape, stored).model()
    true = run(model, numbers(shape))
    assert math.prod(read(saved(model, tmp_path)).output) == true.size


@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("GRU", 3)])
def test_a_recurrent_layer_of_another_kind_has_its_cost(op: str, gates: int, tmp_path: Path) -> None:
    stored = {"w": (1, 5 * gates, 6), "r": (1, 5 * gates, 5), "b": (1, 10 * gates)}
    net = read(saved(Case(f"{TURN} a, y = {op}<hidden_size=5>(t, w, r, b)", LAST, stored).model(), tmp_path))
    table = net.table()
    assert (table.params.value, table.params.exact) == (gates * (6 + 5 + 2) * 5, True)
    assert (table.macs.value, table.macs.exact) == (7 * gates * (6 + 5) * 5, True)
    assert len(net) == 1  # what nobody reads is not a layer


def test_the_mean_of_a_norm_and_the_mask_of_a_dropout_are_exact(tmp_path: Path) -> None:
    check(Case("a, m, s = LayerNormalization(x, w) y = Sub(a, m)", PLANE, {"w": (5,)}), tmp_path)
    check(Case("a, m = Dropout(x) n = Cast<to=1>(m) y = Add(a, n)", PLANE), tmp_path)


DEFINED = {
    "layernorm, its spread": Case("a, m, s = LayerNormalization(x, w) y = Div(a, s)", PLANE, {"w": (5,)}),
    "layernorm along other dimensions": Case("y = LayerNormalization<axis=1>(x, w, w)", (1, 6, 8), {"w": (6, 8)}),
    "attention with a mask and a cap": Case(
        "y = Attention<q_num_heads=2, kv_num_heads=2, softcap=2.0>(x, x, x, m)", (1, 6, 8), {"m": (6, 6)}, 23
    ),
    "attention of groups of queries": Case(
        "k = MatMul(x, w) y = Attention<q_num_heads=4, kv_num_heads=2>(x, k, k)", (1, 6, 8), {"w": (8, 4)}, 23
    ),
    "a norm by mean and variance": Case("y = MeanVarianceNormalization(x)", PLANE),
    "rms norm along other dimensions": Case("y = RMSNormalization<axis=1>(x, w)", (1, 6, 8), {"w": (6, 8)}, 23),
}


@pytest.mark.parametrize("name", DEFINED)
def test_an_operator_is_read_as_it_is_defined(name: str, tmp_path: Path) -> None:
    net = check(DEFINED[name], tmp_path)
    assert all(layer.node.op.keyword != "opaque" for layer in net)


def test_a_definition_with_an_opaque_part_is_one_opaque_layer(tmp_path: Path) -> None:
    net = read(saved(Case("y = Shrink<lambd=0.5>(x)", PLANE).model(), tmp_path))  # a choice by the image
    assert [layer.node.op.keyword for layer in net] == ["opaque"]


def test_operations_in_any_order(tmp_path: Path) -> None:
    model = Case(
        "a = Conv(x, w) b = Relu(a) c = MaxPool<kernel_shape=[2,2]>(b) y = Add(c, c)", PLANE, {"w": (6, 4, 3, 3)}
    ).model()
    true = read(saved(model, tmp_path))
    for order in ([3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]):
        nodes = list(model.graph.node)
        model.graph.ClearField("node")
        model.graph.node.extend(nodes[at] for at in order)
        assert read(saved(model, tmp_path)) == true


def test_a_circle_is_named(tmp_path: Path) -> None:
    model = Case("a = Add(x, c) b = Relu(a) c = Relu(b) y = Relu(c)").model()
    with pytest.raises(ModelError, match=r"\(Add\) reads what depends on its own result"):
        read(saved(model, tmp_path))


def test_ten_thousand_operations_backwards_take_no_time(tmp_path: Path) -> None:
    text = " ".join(f"a{at} = Relu({'x' if not at else f'a{at - 1}'})" for at in range(10_000))
    model = Case(f"{text} y = Relu(a9999)").model()
    nodes = list(model.graph.node)[::-1]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    assert len(read(saved(model, tmp_path))) == 10_001


STORED = {
    "Gemm": ("c = Gemm<transB=1, alpha=0.5>(q, m, v)", 3 * 8 * 5, 3 * 8 + 5 * 8 + 5),
    "LayerNormalization": ("c = LayerNormalization(q, s, s)", 0, 3 * 8 + 8),
    "Conv": ("c = Conv<pads=[1,1,1,1], group=2>(p, k, v4)", 4 * 6 * 5 * 2 * 9, 4 * 6 * 5 + 4 * 2 * 9 + 4),
    "ConvTranspose": ("c = ConvTranspose<strides=[2,2]>(p, t)", 4 * 6 * 5 * 2 * 4, 4 * 6 * 5 + 4 * 2 * 4),
    "LSTM": ("c, h, l = LSTM<hidden_size=2>(z, w, r)", 3 * 8 * (8 + 2), 3 * 8 + 8 * 8 + 8 * 2),
    "GRU": ("a, c = GRU<hidden_size=2>(z, w6, r6)", 3 * 6 * (8 + 2), 3 * 8 + 6 * 8 + 6 * 2),
    "Softmax": ("c = Softmax(q)", 0, 24),
    "Gelu": ("c = Gelu(q)", 0, 24),
    "MaxPool": ("c = MaxPool<kernel_shape=[2,2]>(p)", 0, 120),
    "Resize": ('c = Resize<mode="cubic">(p, , , sizes)', 0, 120),
    "TopK": ("a, i = TopK(q, two) c = Cast<to=1>(i)", 0, 24),
    "ReduceLogSumExp": ("c = ReduceLogSumExp(q, two)", 0, 24),
}  # fmt: skip
"""Operations on constants: text, multiply-adds and params."""

TENSORS = {
    "q": (3, 8), "m": (5, 8), "v": (5,), "s": (8,), "p": (1, 4, 6, 5), "k": (4, 2, 3, 3), "v4": (4,), "t": (4, 2, 2, 2),
    "z": (3, 1, 8), "w": (1, 8, 8), "r": (1, 8, 2), "w6": (1, 6, 8), "r6": (1, 6, 2), "sizes": np.array([1, 4, 9, 7]),
    "two": np.array([1]),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_any_operator_on_stored_tensors_is_computed(name: str, tmp_path: Path) -> None:
    text, macs, params = STORED[name]
    used = {key: one for key, one in TENSORS.items() if re.search(rf"\b{key}\b", text)}
    text += " row = Reshape(c, one)"
    count = run(
        Case(f"{text} y = Identity(row) unread = Relu(x)", (1, 1), {**used, "one": np.array([1, -1])}).model(),
        numbers((1, 1)),
    ).size
    model = Case(f"{text} y = Mul(x, row)", (1, count), {**used, "one": np.array([1, -1])}).model()
    net, x = read(saved(model, tmp_path)), numbers((1, count))
    assert np.allclose(run_net(net, x), run(model, x), atol=1e-5)
    table = net.table()
    assert (table.macs.value, table.params.value) == (macs, params)


MICROSOFT = {"com.microsoft": 1}
KERNEL = {"w": (6, 4, 3, 3), "b": (6,), "z": (1, 6, 4, 3)}
NORM = {"s": (8,), "b": (8,), "k": (1, 6, 8), "c": (8,)}

CONTRIBUTED = {
    "FusedConv": Case('y = com.microsoft.FusedConv<activation="Relu">(x, w, b)', PLANE, KERNEL),
    "FusedConv, leaky": Case(
        'y = com.microsoft.FusedConv<activation="LeakyRelu", activation_params=[0.25]>(x, w)', PLANE, KERNEL
    ),
    "FusedConv, clipped": Case(
        'y = com.microsoft.FusedConv<activation="Clip", activation_params=[-0.5, 0.75], strides=[2,2]>(x, w, b)',
        PLANE,
        KERNEL,
    ),
    "FusedConv, hard sigmoid": Case(
        'y = com.microsoft.FusedConv<activation="HardSigmoid", activation_params=[0.1, 0.4]>(x, w, b)', PLANE, KERNEL
    ),
    "FusedConv with a sum": Case('y = com.microsoft.FusedConv<activation="Relu">(x, w, b, z)', PLANE, KERNEL),
    "FusedGemm": Case(
        'y = com.microsoft.FusedGemm<activation="LeakyRelu", activation_alpha=0.3, transB=1, alpha=0.5>(x, w, b)',
        (1, 5),
        {"w": (3, 5), "b": (3,)},
    ),
    "FusedMatMul": Case("y = com.microsoft.FusedMatMul<alpha=0.125, transB=1>(x, w)", (1, 6, 8), {"w": (3, 8)}),
    "FusedMatMul of two": Case("y = com.microsoft.FusedMatMul<alpha=0.5, transA=1>(x, x)", (1, 6, 8)),
    "BiasGelu": Case("y = com.microsoft.BiasGelu(x, b)", (1, 6, 8), {"b": (8,)}),
    "FastGelu with a bias": Case("y = com.microsoft.FastGelu(x, b)", (1, 6, 8), {"b": (8,)}),
    "SkipLayerNormalization": Case(
        "a, m, v, t = com.microsoft.SkipLayerNormalization<epsilon=0.001>(x, k, s, b, c) y = Add(a, t)", (1, 6, 8), NORM
    ),
    "SkipSimplifiedLayerNormalization": Case(
        "y = com.microsoft.SkipSimplifiedLayerNormalization(x, x, s)", (1, 6, 8), NORM
    ),
    "SimplifiedLayerNormalization": Case("y = SimplifiedLayerNormalization(x, s)", (1, 6, 8), NORM),
    "LayerNormalization before it was in ONNX": Case("y = LayerNormalization(x, s, b)", (1, 6, 8), NORM, 15),
}


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_operators_that_onnx_runtime_puts_into_models(name: str, tmp_path: Path) -> None:
    case = CONTRIBUTED[name]
    used = {key: one for key, one in case.stored.items() if re.search(rf"\b{key}\b", case.text)}
    assert all(
        one.node.op.keyword != "opaque" for one in check(replace(case, stored=used, domains=MICROSOFT), tmp_path)
    )


def test_a_model_that_onnx_runtime_has_optimised_is_the_same_net(tmp_path: Path) -> None:
    import onnxruntime

    text = "a = Conv(x, w, b) c = Relu(a) d = Conv<pads=[1,1,1,1]>(c, v) e = Add(d, c) y = Relu(e)"
    model = Case(text, PLANE, {"w": (6, 4, 3, 3), "b": (6,), "v": (6, 6, 3, 3)}).model()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert b"FusedConv" in (tmp_path / "optimised.onnx").read_bytes()
    found, true = (read(path).table() for path in (tmp_path / "optimised.onnx", saved(model, tmp_path)))
    assert (found.params, found.macs) == (true.params, true.macs)


POOLS = [
    f"y = {op}<kernel_shape=[{k},{k}], strides=[{s},{s}], pads={pads}, ceil_mode={ceil}{more}>(x)"
    for op, more in (("MaxPool", ""), ("AveragePool", ""), ("AveragePool", ", count_include_pad=1"))
    for k, s, pads in ((3, 2, "[2,2,2,2]"), (3, 2, "[2,0,1,2]"), (2, 2, "[1,1,1,1]"), (5, 2, "[3,4,3,4]"))
    for ceil in (0, 1)
]
"""Caffe pads by any number below the kernel."""


@pytest.mark.parametrize("text", POOLS)
def test_poolings_that_pad_by_more_than_half(text: str, tmp_path: Path) -> None:
    model, x = Case(text, (1, 4, 9, 8)).model(), numbers((1, 4, 9, 8), 3)
    found, true = run_net(read(saved(model, tmp_path)), x), run(model, x)
    assert found.shape == true.shape
    assert np.allclose(found, true, atol=1e-5)


@pytest.mark.parametrize("word", ["SAME_UPPER", "SAME_LOWER"])
def test_a_transposed_convolution_with_a_kernel_below_its_stride(word: str, tmp_path: Path) -> None:
    text = f'y = ConvTranspose<strides=[3,3], auto_pad="{word}">(x, w)'
    check(Case(text, PLANE, {"w": (4, 3, 2, 2)}), tmp_path)


def test_a_deformable_convolution_has_its_size_and_cost(tmp_path: Path) -> None:
    text = "o = Conv(x, w18) y = DeformConv(x, w, o, b)"
    stored = {"w18": (18, 4, 3, 3), "w": (6, 4, 3, 3), "b": (6,)}
    net = read(saved(Case(text, PLANE, stored).model(), tmp_path))
    assert net.output == (6, 4, 3)
    table = net.table()
    assert (table.params.value, table.params.exact) == (18 * 36 + 6 * 36 + 6, True)
    assert (table.macs.value, table.macs.exact) == (12 * (18 + 6) * 36, True)


def test_a_maximum_is_put_back_where_it_was(tmp_path: Path) -> None:
    text = "p, i = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x) y = MaxUnpool<kernel_shape=[2,2], strides=[2,2]>(p, i)"
    assert read(saved(Case(text, (1, 4, 6, 8)).model(), tmp_path)).output == (4, 6, 8)


def test_settings_are_no_params(tmp_path: Path) -> None:
    scales = np.array([1, 1, 1.4, 1.4], np.float32)
    text = 'a = Conv(x, w) y = Resize<nearest_mode="round_prefer_floor">(a, , s)'
    net = read(saved(Case(text, PLANE, {"w": (6, 4, 3, 3), "s": scales}).model(), tmp_path))
    assert net.table().params.value == 216


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_corners_that_are_aligned_by_a_factor(mode: str, tmp_path: Path) -> None:
    """0.6 of four places are 2.4 of them: the last place that is read is not the last one."""
    scales = np.array([1, 1, 0.6, 0.6], np.float32)
    text = f'y = Resize<mode="{mode}", coordinate_transformation_mode="align_corners">(x, , s)'
    net = read(saved(Case(text, (1, 1, 4, 4), {"s": scales}).model(), tmp_path))
    assert [layer.node.op.keyword for layer in net] == ["opaque"]
