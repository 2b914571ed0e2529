"""Sizes of what an operation gives, from those of what it is given: ONNX's own inference, asked about one operation.

Nothing of the file's graph is handed to it: only the operator, its attributes, sizes, and the numbers of small stored
tensors, such as the ``k`` of a TopK, which its sizes may depend on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ConvscopeError
from convscope.frontends.build.values import Const, Value
from convscope.frontends.onnx.consts import Known, weight

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TypeProto

    from convscope.frontends.onnx.call import Call

    Sizes = tuple[int, ...]

SETTINGS = 64
"""Numbers of a stored tensor that sizes may depend on, at most."""

MOST_PARTS = 2**16
"""Parts of a Split; ONNX's inference takes memory for each that the attribute names."""

IR_VERSION = 10
"""Of the messages that are made here; every operator that is known fits into it."""

FLOAT = 1


def inferred(call: Call) -> list[Sizes | None]:
    """The sizes of the outputs of one of ONNX's own operators; None for those that cannot be told.

    A size that depends on numbers of the input, as that of NonMaxSuppression, cannot.
    """
    from onnx import shape_inference

    names = [f"y{at}" for at in range(call.total)]
    try:
        model = asked(call, names)
        found = shape_inference.infer_shapes(model).graph.output
    except (ConvscopeError, ValueError, TypeError, RuntimeError, OverflowError):
        return [None] * call.total
    return [_sizes(info.type.tensor_type) for info in found]


def asked(call: Call, names: list[str]) -> ModelProto:
    """A model of one operation, with outputs of these names.

    Raises:
        TypeError: an attribute is a graph.
        ValueError: there are too many parts.
    """
    from onnx import helper, numpy_helper

    if call.attrs.get("num_outputs", 1) > MOST_PARTS:
        raise ValueError("more parts than are meant")

    inputs, stored = [], []
    for at, one in enumerate(call.inputs):
        numbers = _setting(call, one)
        if numbers is not None:
            stored.append(numpy_helper.from_array(numbers, f"x{at}"))
        elif isinstance(one, Value | Const):
            inputs.append(helper.make_tensor_value_info(f"x{at}", _kind(one), one.sizes))
        elif one is not None:
            raise TypeError("a sequence of tensors")
    outputs = [helper.make_empty_tensor_value_info(name) for name in names]
    graph = helper.make_graph([node(call, names)], "one", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", call.opset)], ir_version=IR_VERSION)


def types(call: Call) -> list[TypeProto]:
    """The kind and the sizes of each input, as far as ONNX's definitions ask for them."""
    from onnx import TypeProto, helper

    found = []
    for one in call.inputs:
        tensor = isinstance(one, Value | Const)
        found.append(helper.make_tensor_type_proto(_kind(one), one.sizes) if tensor else TypeProto())  # type: ignore[union-attr,arg-type] # a tensor
    return found


def node(call: Call, names: list[str]) -> NodeProto:
    """The operation by itself; its inputs are called ``x0``, ``x1``, those that are left out not at all."""
    from onnx import NodeProto, helper

    given = [f"x{at}" if one is not None else "" for at, one in enumerate(call.inputs)]
    made = NodeProto(op_type=call.op, input=given, output=names)
    for name, value in call.attrs.items():
        made.attribute.append(helper.make_attribute(name, _attribute(call, value)))
    return made


def _attribute(call: Call, value: Any) -> Any:
    from onnx import numpy_helper

    if isinstance(value, Const):
        return numpy_helper.from_array(np.asarray(call.budget.numbers(value)))
    if hasattr(value, "node"):
        raise TypeError("a graph inside of an operation")
    return value


def _setting(call: Call, one: Any) -> Any:
    """The numbers of a small stored tensor of at most one dimension."""
    if not isinstance(one, Const) or len(one.sizes) > 1 or math.prod(one.sizes) > SETTINGS:
        return None
    return np.asarray(call.budget.numbers(one)) if weight(one) <= SETTINGS else None


def _kind(one: Value | Const) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(one.numbers.dtype)) if isinstance(one, Known) else FLOAT


def _sizes(kind: Any) -> Sizes | None:
    """Sizes that are stated in full."""
    if not kind.HasField("shape") or not all(dim.HasField("dim_value") for dim in kind.shape.dim):
        return None
    found = tuple(dim.dim_value for dim in kind.shape.dim)
    return found if min(found, default=0) >= 0 and math.prod(found) <= np.iinfo(np.int64).max else None
