"""Rules for ONNX operators, by the operator's name: each converts an operator to layers.

A rule takes a call and returns a value, or a list with one for each output. It raises ShapeError if no layers compute
the operation, which then becomes an opaque layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.frontends.onnx import rules_layers as layers
from convscope.frontends.onnx import rules_math as numbers
from convscope.frontends.onnx import rules_pool as pools
from convscope.frontends.onnx import rules_shape as shapes
from convscope.frontends.onnx.rules_contributed import CONTRIBUTED
from convscope.frontends.onnx.rules_recurrent import recurrent
from convscope.ops import act, pool
from convscope.ops.recurrent import GRU, LSTM
from convscope.ops.scalar import Map

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.frontends.onnx.call import Call

    Rule = Callable[[Call], Any]

FUNCTIONS: dict[str, Op] = {
    "Relu": act.ReLU(),
    "Sigmoid": act.Sigmoid(),
    "Tanh": act.Tanh(),
    "Softplus": act.Softplus(),
    "Softsign": Map("softsign"),
    "Mish": act.Mish(),
    "HardSwish": act.Hardswish(),
    "Exp": Map("exp"),
    "Log": Map("log"),
    "Sqrt": Map("sqrt"),
    "Abs": Map("abs"),
    "Neg": Map("neg"),
    "Sin": Map("sin"),
    "Cos": Map("cos"),
    "Erf": Map("erf"),
    "Reciprocal": Map("reciprocal"),
}
"""Elementwise functions without parameters."""

SAME = ("Identity", "Cast", "Optional", "OptionalGetElement")
"""Operators that change values only in their precision."""

RULES: dict[str, Rule] = {
    **{name: numbers.plain(op) for name, op in FUNCTIONS.items()},
    **dict.fromkeys(SAME, numbers.same),
    "Conv": layers.conv,
    "ConvTranspose": layers.conv_transpose,
    "MaxPool": pools.max_pool,
    "AveragePool": pools.average_pool,
    "GlobalAveragePool": pools.global_pool(pool.GlobalAvgPool()),
    "GlobalMaxPool": pools.global_pool(pool.GlobalMaxPool()),
    "BatchNormalization": layers.batch_norm,
    "InstanceNormalization": layers.instance_norm,
    "LayerNormalization": layers.layer_norm,
    "GroupNormalization": layers.group_norm,
    "RMSNormalization": layers.rms_norm,
    "SimplifiedLayerNormalization": layers.rms_norm,  # an operator of ONNX Runtime, which puts it into this domain
    "LRN": layers.lrn,
    "Gemm": layers.gemm,
    "MatMul": layers.dot,
    "Attention": layers.attend,
    "LSTM": recurrent(LSTM),
    "GRU": recurrent(GRU),
    "PRelu": layers.prelu,
    "Softmax": layers.softmax,
    "LogSoftmax": layers.log_softmax,
    "LeakyRelu": numbers.leaky_relu,
    "Elu": numbers.elu,
    "ThresholdedRelu": numbers.thresholded,
    "Celu": numbers.celu,
    "Selu": numbers.selu,
    "HardSigmoid": numbers.hard_sigmoid,
    "Gelu": numbers.gelu,
    "Swish": numbers.swish,
    "Clip": numbers.clip,
    "Dropout": numbers.dropout,
    "CastLike": numbers.cast_like,
    "Add": numbers.arithmetic("add"),
    "Sum": numbers.arithmetic("add"),
    "Sub": numbers.arithmetic("sub"),
    "Mul": numbers.arithmetic("mul"),
    "Div": numbers.arithmetic("div"),
    "Max": numbers.extreme("maximum"),
    "Min": numbers.extreme("minimum"),
    "Mean": numbers.mean,
    "Pow": numbers.power,
    "Where": numbers.where,
    "Einsum": numbers.named_product,
    "ReduceMean": numbers.reduced("mean"),
    "ReduceSum": numbers.reduced("sum"),
    "ReduceMax": numbers.reduced("max"),
    "ReduceMin": numbers.reduced("min"),
    "ReduceL1": numbers.reduced("sum", before="abs"),
    "ReduceL2": numbers.reduced("l2"),
    "ReduceSumSquare": numbers.reduced("sum", before="square"),
    "ReduceLogSum": numbers.reduced("sum", after="log"),
    "ReduceLogSumExp": numbers.reduced("sum", before="exp", after="log"),
    "Shape": shapes.shape,
    "Size": shapes.size,
    "Reshape": shapes.reshape,
    "Flatten": shapes.flatten,
    "Transpose": shapes.transpose,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": shapes.unsqueeze,
    "Expand": shapes.expand,
    "Tile": shapes.tile,
    "Concat": shapes.concat,
    "Split": shapes.split,
    "Slice": shapes.cut,
    "Gather": shapes.gather,
    "CumSum": shapes.cumsum,
    "Pad": shapes.pad,
    "DepthToSpace": shapes.depth_to_space,
    "SpaceToDepth": shapes.space_to_depth,
    "Resize": shapes.resized,
    "Upsample": shapes.resized,
}
"""Rules by the name of the operator in ONNX's own domain."""

MICROSOFT = "com.microsoft"


def find(domain: str, op: str) -> Rule | None:
    """Return the rule of an operator; None if there is none."""
    return {"": RULES, MICROSOFT: CONTRIBUTED}.get(domain, {}).get(op)
