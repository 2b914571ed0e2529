"""Params and multiply-adds of an ONNX file, counted without any code of ours: ONNX Runtime says the sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

    Sizes = dict[str, tuple[int, ...]]
    Fed = dict[str, np.ndarray[Any, Any]]


class Counted(NamedTuple):
    """What a file holds and costs; None where an operation has a body of its own.

    Attributes:
        params: floats that are stored for layers: kernels, biases, scales and shifts of norms, slopes.
        macs: for the inputs that were given [MAC].
    """

    params: int | None
    macs: int | None


WEIGHTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (0, 1, 2), "MatMul": (0, 1), "PRelu": (1,),
    "BatchNormalization": (1, 2), "InstanceNormalization": (1, 2), "LayerNormalization": (1, 2),
    "ConvInteger": (1,), "MatMulInteger": (0, 1), "QLinearConv": (3, 8), "DynamicQuantizeLSTM": (1, 2, 3, 7),
    "LSTM": (1, 2, 3, 7), "GRU": (1, 2, 3), "RNN": (1, 2, 3),
}  # fmt: skip
"""Operators with params, and which of their inputs these are."""

BODIES = {"If", "Loop", "Scan"}


def counted(path: Path, fed: Fed) -> Counted:
    """Count a file at the sizes of its inputs."""
    model = onnx.load(path)
    if any(node.op_type in BODIES for node in model.graph.node):
        return Counted(None, None)
    sizes = _sizes(model, fed)
    stored = _stored(model.graph)
    constant = _constants(model.graph)
    held = {
        node.input[at]
        for node in model.graph.node
        for at in WEIGHTS.get(node.op_type, ())
        if at < len(node.input) and node.input[at] in constant
    }
    held |= {name for node in model.graph.node for name in _affine(node, stored) if sizes[name]}
    held |= {name for node in model.graph.node if node.op_type == "Add" for name in _bias(node, constant, model.graph)}
    read = {name for node in model.graph.node for name in node.input}
    held |= {
        one.name for one in model.graph.initializer if one.name not in read and one.data_type == onnx.TensorProto.FLOAT
    }
    params = sum(math.prod(sizes[name]) for name in held)
    return Counted(params, sum(_macs(node, sizes) for node in model.graph.node))


def _stored(graph: Any) -> set[str]:
    """Tensors that are weights: initializers, or without any constants; where kernels are made, what is made."""
    found = {one.name for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT and one.dims}
    found = found or {node.output[0] for node in graph.node if node.op_type == "Constant"}
    made = {node.output[0] for node in graph.node if node.op_type == "ConstantOfShape"}
    if any(node.op_type == "Conv" and node.input[1] in made for node in graph.node):
        found |= made
    for node in graph.node:
        if node.op_type in {"Unsqueeze", "Reshape", "Identity", "Transpose"} and node.input[0] in found:
            found.add(node.output[0])
    return found


def _constants(graph: Any) -> set[str]:
    """Tensors that do not depend on an input."""
    known = {one.name for one in graph.initializer} | {""}
    for node in graph.node:
        if all(name in known for name in node.input):
            known |= set(node.output)
    return known - {""}


def _bias(node: Any, constant: set[str], graph: Any) -> set[str]:
    """The constant that is added to a product with weights."""
    makers = {name: one.op_type for one in graph.node for name in one.output}
    products = {"MatMul", "Conv", "ConvTranspose"}
    added = any(makers.get(name) in products for name in node.input if name not in constant)
    return constant.intersection(node.input) if added else set()


def _affine(node: Any, stored: set[str]) -> set[str]:
    """A constant by which maps are scaled or shifted; what a Constant node holds is a constant."""
    found = stored.intersection(node.input)
    return found if node.op_type in {"Add", "Mul", "Sub", "Div"} and len(found) < len(node.input) else set()


def _sizes(model: Any, fed: Fed) -> Sizes:
    """Of every tensor, with every tensor made an output."""
    stored = {one.name: tuple(one.dims) for one in model.graph.initializer}
    shown = {one.name for one in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in shown)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = session.run(None, fed)
    made = {one.name: np.shape(value) for one, value in zip(session.get_outputs(), found, strict=True)}
    return {**stored, **made, **{name: np.shape(value) for name, value in fed.items()}}


def _macs(node: Any, sizes: Sizes) -> int:
    """Of one operation, padding included."""
    kind, given = node.op_type, [sizes.get(name, ()) for name in node.input]
    out = math.prod(sizes[node.output[0]]) if node.output[0] in sizes else 0
    if kind in {"Conv", "ConvInteger"}:
        return out * math.prod(given[1][1:])
    if kind == "QLinearConv":
        return out * math.prod(given[3][1:])
    if kind == "ConvTranspose":
        return math.prod(given[0]) * math.prod(given[1][1:])
    if kind in {"MatMul", "MatMulInteger"}:
        return out * given[0][-1]
    if kind == "Gemm":
        across = next((one.i for one in node.attribute if one.name == "transA"), 0)
        return out * given[0][0 if across else 1]
    if kind in {"LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"}:
        steps, batch = given[0][:2]
        return steps * batch * (math.prod(given[1]) + math.prod(given[2]))
    return 0
