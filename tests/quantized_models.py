"""Float models that ONNX Runtime's tools quantise, the rounding that the net leaves out, and what it can amount to."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnx import ModelProto, load
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from convscope.backends.torch import TorchNet, weights_in
from convscope.core.graph import INPUT
from convscope.ops.act import Clamp, Sigmoid, Softmax
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.merge import Mul
from convscope.ops.scalar import Plus, Shift
from convscope.ops.tensor import Mix
from onnx_models import Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from convscope.core.net import Layer, Net

OPSET = 17
SHAPE = (1, 3, 8, 8)


def _case(text: str, shape: tuple[int, ...] = SHAPE, **stored: Any) -> Case:
    return Case(text, shape, stored=stored, opset=OPSET)


FLOAT = {
    "relu": _case(
        "a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) y = Conv(r, v, bias)",
        w=(8, 3, 3, 3), b=(8,), v=(4, 8, 3, 3), bias=(4,),
    ),
    "relu6": _case(
        "a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w, b) r = Clip(a, low, high) y = Conv(r, v)",
        w=(8, 3, 3, 3), b=(8,), v=(4, 8, 1, 1), low=np.float32(0), high=np.float32(6),
    ),
    "pools": _case(
        "a = Conv(x, w, b) r = Relu(a) m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r) c = Conv<pads=[1,1,1,1]>(m, v)"
        " s = AveragePool<kernel_shape=[2,2]>(c) g = GlobalAveragePool(s) y = Flatten(g)",
        w=(6, 3, 3, 3), b=(6,), v=(5, 6, 3, 3),
    ),
    "depthwise": _case(
        "a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) d = Conv<pads=[1,1,1,1], group=8>(r, v, bias) s = Relu(d)"
        " y = Conv(s, t)",
        w=(8, 3, 3, 3), b=(8,), v=(8, 1, 3, 3), bias=(8,), t=(4, 8, 1, 1),
    ),
    "residual": _case(
        "a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) c = Conv<pads=[1,1,1,1]>(r, v, bias) s = Add(c, r) q = Relu(s)"
        " y = Conv(q, t)",
        w=(6, 3, 3, 3), b=(6,), v=(6, 6, 3, 3), bias=(6,), t=(4, 6, 1, 1),
    ),
    "gemm": _case(
        "f = Flatten(x) a = Gemm<transB=1>(f, w, b) r = Relu(a) y = Gemm(r, v, bias)",
        (1, 3, 4, 4), w=(10, 48), b=(10,), v=(10, 5), bias=(5,),
    ),
    "matmul": _case(
        "f = Flatten(x) a = MatMul(f, w) c = Add(a, b) r = Relu(c) y = MatMul(r, v)",
        (1, 3, 4, 4), w=(48, 10), b=(10,), v=(10, 5),
    ),
    "concat": _case(
        "a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) c = Conv(x, v) s = Sigmoid(c) k = Concat<axis=1>(r, s)"
        " y = Conv(k, t)",
        w=(4, 3, 3, 3), b=(4,), v=(4, 3, 1, 1), t=(3, 8, 1, 1),
    ),
    "gate": _case(
        "a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) g = GlobalAveragePool(r) c = Conv(g, v, bias) s = Sigmoid(c)"
        " m = Mul(r, s) y = Conv(m, t)",
        w=(6, 3, 3, 3), b=(6,), v=(6, 6, 1, 1), bias=(6,), t=(4, 6, 1, 1),
    ),
    "leaky": _case(
        "a = Conv<pads=[1,1,1,1]>(x, w, b) r = LeakyRelu<alpha=0.1>(a) c = Conv<strides=[2,2]>(r, v) f = Flatten(c)"
        " y = Softmax(f)",
        w=(6, 3, 3, 3), b=(6,), v=(2, 6, 3, 3),
    ),
    "resize": _case(
        "a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w, b) r = Relu(a)"
        ' z = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(r, , scales)'
        " k = Concat<axis=1>(z, x) t = Transpose<perm=[0,1,3,2]>(k) y = Conv(t, v)",
        w=(5, 3, 3, 3), b=(5,), v=(4, 8, 3, 3), scales=np.array([1, 1, 2, 2], np.float32),
    ),
    "shared": _case(  # exporters store equal tensors, such as fresh biases, once
        "a = Conv<pads=[1,1,1,1]>(x, w, zeros) r = Relu(a) c = Conv<pads=[1,1,1,1]>(r, v, zeros) s = Relu(c)"
        " y = Conv(s, last, zeros)",
        w=(6, 3, 3, 3), v=(6, 6, 3, 3), zeros=np.zeros(6, np.float32), last=(6, 6, 1, 1),
    ),
    "transposed": _case(
        "a = Conv<strides=[2,2]>(x, w, b) r = Relu(a) y = ConvTranspose<strides=[2,2]>(r, v, bias)",
        w=(6, 3, 3, 3), b=(6,), v=(6, 4, 2, 2), bias=(4,),
    ),
    "attention": _case(
        "n = LayerNormalization<axis=-1>(x, g, hh) q = MatMul(n, wq) k = MatMul(n, wwk) v = MatMul(n, wwwv)"
        " t = Transpose<perm=[0,2,1]>(k) l = MatMul(q, t) e = Mul(l, factor) p = Softmax<axis=-1>(e) o = MatMul(p, v)"
        " w = MatMul(o, wwwwo) s = Add(w, x) i = MatMul(s, w1) j = Add(i, b1) r = Relu(j) m = MatMul(r, w2)"
        " y = Add(m, s)",
        (1, 7, 12), g=(12,), hh=(12,), wq=(12, 12), wwk=(12, 12), wwwv=(12, 12), wwwwo=(12, 12), w1=(12, 24), b1=(24,),
        w2=(24, 12), factor=np.float32(0.05),
    ),
}  # fmt: skip
"""By name, small models with what nets are made of."""


class _Samples(CalibrationDataReader):  # type: ignore[misc] # not typed
    """A few inputs, by which the tool finds the range of every tensor."""

    def __init__(self, case: Case) -> None:
        self.left = [{"x": sample(case, at)} for at in range(4)]

    def get_next(self) -> dict[str, Any] | None:
        """The next input."""
        return self.left.pop() if self.left else None


def sample(case: Case, at: int) -> NDArray[np.float32]:
    """An input; those that a model was quantised with are the first four."""
    return np.random.default_rng([at, *case.shape]).standard_normal(case.shape).astype(np.float32)


def _static(kind: QuantFormat, *, each: bool, dtype: QuantType) -> Callable[[Path, Path, Case], None]:
    # operators on bytes cut sums off at 16 bits on processors with AVX2 and no VNNI, unless weights have 7 bits
    narrow = kind is QuantFormat.QOperator

    def quantize(before: Path, after: Path, case: Case) -> None:
        quantize_static(
            before,
            after,
            _Samples(case),
            quant_format=kind,
            per_channel=each,
            activation_type=dtype,
            reduce_range=narrow,
        )

    return quantize


def _dynamic(*, each: bool, dtype: QuantType) -> Callable[[Path, Path, Case], None]:
    def quantize(before: Path, after: Path, case: Case) -> None:  # noqa: ARG001 -- it needs no samples
        quantize_dynamic(before, after, per_channel=each, weight_type=dtype)

    return quantize


WAYS = {
    "qdq": _static(QuantFormat.QDQ, each=False, dtype=QuantType.QUInt8),
    "qdq-each": _static(QuantFormat.QDQ, each=True, dtype=QuantType.QInt8),
    "qdq-16": _static(QuantFormat.QDQ, each=True, dtype=QuantType.QUInt16),
    "operators": _static(QuantFormat.QOperator, each=False, dtype=QuantType.QUInt8),
    "operators-each": _static(QuantFormat.QOperator, each=True, dtype=QuantType.QUInt8),
    "dynamic": _dynamic(each=False, dtype=QuantType.QUInt8),
    "dynamic-each": _dynamic(each=True, dtype=QuantType.QUInt8),
}
"""By name, how a model is quantised: per tensor, or for each channel."""


def quantized(name: str, way: str, folder: Path) -> ModelProto:
    """A float model quantised."""
    before, after = folder / f"{name}.onnx", folder / f"{name}-{way}.onnx"
    before.write_bytes(FLOAT[name].model().SerializeToString())
    logging.disable(logging.WARNING)  # the tool advises on every call
    try:
        WAYS[way](before, after, FLOAT[name])
    finally:
        logging.disable(logging.NOTSET)
    return load(after)


PRODUCTS = (Conv, ConvTranspose, Linear, Mix)


def step(op: Clamp, bits: int = 8) -> float:
    """The step of integers that express the range of a clamp."""
    return (op.high - op.low) / float(2**bits - 1)


def is_quantized(layer: Layer) -> bool:
    """Its weights are stored in few bits."""
    return any(weight.trained and weight.dtype != "float32" for weight in layer.weights or ())


def loaded(net: Net) -> TorchNet:
    """The net with the weights of its source."""
    model = TorchNet(net).eval()
    assert net.tensors is not None
    weights_in(model, {name: torch.from_numpy(np.array(one)) for name, one in net.tensors().items()})
    return model


def run_rounded(net: Net, x: NDArray[np.float32], bits: int) -> NDArray[Any]:
    """What the net computes if every clamp rounds to a step, as the quantised model does.

    With 0 bits the model is quantised dynamically: what products with quantised weights read is rounded.
    """
    model = loaded(net)
    for part, layer in zip(model.parts, net, strict=True):
        op = layer.node.op
        if isinstance(op, Clamp) and bits:
            part.register_forward_hook(partial(_to_steps, op.low, step(op, bits)))
        elif is_quantized(layer) and not bits:
            part.register_forward_pre_hook(lambda _, given: (_dynamic_steps(given[0]),))
    with torch.no_grad():
        found: NDArray[Any] = model(torch.from_numpy(x)).numpy()
    return found


def _to_steps(low: float, size: float, part: nn.Module, given: object, y: Tensor) -> Tensor:  # noqa: ARG001 -- a hook
    return low + ((y - low) / size).round() * size


def _dynamic_steps(x: Tensor) -> Tensor:
    """See the operator DynamicQuantizeLinear."""
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    size = (high - low) / 255
    zero = round(-low / size)
    return (((x / size).round() + zero).clamp(0, 255) - zero) * size


def largest_error(net: Net, x: NDArray[np.float32], levels: int = 0) -> NDArray[Any]:
    """How far rounding to half a step at every clamp can move each output, by what the layers do to an error.

    Where a model is quantised dynamically, to so many levels, what products with quantised weights read is off by less
    than a step: half of one by rounding, and half of one because the zero point is rounded too.

    A product with weights ``w`` makes ``|w| e`` of errors ``e``; a clamp adds half a step; a sigmoid has a slope of at
    most 1/4; a softmax, whose exponents differ by at most ``2 e``, changes by less than ``exp(2 e) - 1``. All others
    here are sums, means, the largest of some, or move numbers about.
    """
    model = loaded(net)
    values = model.values({INPUT: torch.from_numpy(x)}, model.names)
    errors = {INPUT: torch.zeros(x.shape)}
    values[INPUT] = torch.from_numpy(x)
    for name, part, layer in zip(model.names, model.parts, net, strict=True):
        if levels and is_quantized(layer):
            (source,) = layer.node.inputs
            span = torch.clamp(values[source].max(), min=0) - torch.clamp(values[source].min(), max=0)
            errors = errors | {source: errors[source] + span / levels}
        errors[name] = _error(layer, part, errors, values)
    found: NDArray[Any] = errors[model.names[-1]].detach().numpy()
    return found


def _error(layer: Layer, part: nn.Module, errors: dict[str, Tensor], values: dict[str, Tensor]) -> Tensor:
    op, given = layer.node.op, [errors[name] for name in layer.node.inputs]
    found: Tensor
    if isinstance(op, PRODUCTS):
        with torch.no_grad():
            for name, weight in part.named_parameters():
                weight.copy_(torch.zeros_like(weight) if "bias" in name else weight.abs())
        found = part(*given)
    elif isinstance(op, Shift | Plus):
        found = given[0]
    elif isinstance(op, Clamp):
        found = given[0] + step(op) / 2
    elif isinstance(op, Sigmoid):
        found = given[0] / 4
    elif isinstance(op, Softmax):
        found = torch.expm1(2 * given[0].max()) * torch.ones_like(given[0])
    elif isinstance(op, Mul):
        (a, b), (x, y) = given, (values[name].abs() for name in layer.node.inputs)
        found = a * y + b * x + a * b
    else:
        found = part(*given)
    return found
