"""Sizes of what an operation gives, from those of what it is given: ONNX's own inference, asked about one operation.

Nothing of the file's graph is handed to it: only the operator, its attributes, sizes, and the numbers of small stored
tensors, such as the ``k`` of a TopK, which its sizes may depend on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.frontends.onnx.consts import Known, Lazy, at_hand
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TypeProto

    from convscope.frontends.onnx.call import Call

    Sizes = tuple[int, ...]

SETTINGS = 64
"""Numbers of a constant that sizes may depend on, at most."""

LARGEST = 2**31
"""Of an integer among attributes and settings; ONNX's inference does not expect larger ones."""

AXES = {"axis", "axes", "batch_axis", "batch_dims", "perm", "time_axis"}
"""Attributes that name dimensions."""

SIGNED = {"ends", "fmod", "k", "pads", "shape", "starts", "to", "value_int", "value_ints"}
"""Other attributes that may be negative."""

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
        need_sane(call)
        model = asked(call, names)
        found = shape_inference.infer_shapes(model).graph.output
    except Exception:  # noqa: BLE001 -- whatever ONNX raises of an operation that is not as it should be
        return [None] * call.total
    return [_sizes(info.type.tensor_type) for info in found]


def need_sane(call: Call) -> None:
    """Raise ValueError for what ONNX's inference, which is native code, might take wrongly.

    It trusts that inputs are there, that dimensions exist, and that numbers are of a size that is meant.
    """
    from onnx import defs

    schema = defs.get_schema(call.op, call.opset, "")
    if not schema.min_input <= len(call.inputs) <= schema.max_input or not call.total <= schema.max_output:
        raise ValueError("the number of inputs or outputs does not match the operator")
    required = [
        one
        for at, one in enumerate(schema.inputs)
        if at < schema.min_input and one.option == defs.OpSchema.FormalParameterOption.Single
    ]
    if any(call.get(at) is None for at in range(len(required))):
        raise ValueError("a required input is missing")
    ranks = [len(one.sizes) for one in call.inputs if isinstance(one, Value | Const)] or [0]
    for name, value in call.attrs.items():
        whole = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int)]
        high = max(ranks) if name in AXES else call.total if name == "num_outputs" else LARGEST
        low = high if name == "num_outputs" else -high if name in AXES | SIGNED and name != "batch_dims" else 0
        if any(not low <= one <= high for one in whole):
            raise ValueError(f"{name} is out of range")


def asked(call: Call, names: list[str]) -> ModelProto:
    """A model of one operation, with outputs of these names.

    Raises:
        TypeError: an attribute is a graph.
    """
    from onnx import helper, numpy_helper

    inputs, stored = [], []
    for at, one in enumerate(call.inputs):
        numbers = _setting(one)
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
        made.attribute.append(helper.make_attribute(name, _attribute(value)))
    return made


def _attribute(value: Any) -> Any:
    from onnx import numpy_helper

    if isinstance(value, Const):
        return numpy_helper.from_array(np.asarray(at_hand(value)))
    if hasattr(value, "node"):
        raise TypeError("a graph inside of an operation")
    return value


def _setting(one: Any) -> Any:
    """The numbers of a small constant of at most one dimension."""
    if not isinstance(one, Const) or len(one.sizes) > 1 or math.prod(one.sizes) > SETTINGS:
        return None
    return np.asarray(at_hand(one)) if _light(one) else None


def _light(one: Const) -> bool:
    """Its numbers are at hand, or made from few."""
    return not isinstance(one, Lazy) or (one.effort <= SETTINGS and all(isinstance(up, Known) for up in one.parents))


def _kind(one: Value | Const) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(one.numbers.dtype)) if isinstance(one, Known) else FLOAT


def _sizes(kind: Any) -> Sizes | None:
    """Sizes that are stated in full."""
    if not kind.HasField("shape") or not all(dim.HasField("dim_value") for dim in kind.shape.dim):
        return None
    found = tuple(dim.dim_value for dim in kind.shape.dim)
    return found if min(found, default=0) >= 0 and math.prod(found) <= np.iinfo(np.int64).max else None
