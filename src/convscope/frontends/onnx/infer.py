"""Shape inference of a single operation by ONNX.

The file's graph is not passed to it: only the operator, its attributes, sizes, and the values of small stored tensors
on which sizes may depend, such as the ``k`` of a TopK.
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
"""The most values of a constant on which sizes may depend."""

LARGEST = 2**31
"""Limit for integers among attributes and settings; ONNX's inference does not expect larger ones."""

AXES = {"axis", "axes", "batch_axis", "batch_dims", "perm", "time_axis"}
"""Attributes that are dimensions."""

SIGNED = {"ends", "fmod", "k", "pads", "shape", "starts", "to", "value_int", "value_ints"}
"""Other attributes that may be negative."""

IR_VERSION = 10
"""Version of the messages that are created here, which covers every known operator."""

FLOAT = 1


def inferred(call: Call) -> list[Sizes | None]:
    """Infer the output sizes of one of ONNX's own operators; None for unknown ones.

    Sizes that depend on input values, as for NonMaxSuppression, are unknown.
    """
    from onnx import shape_inference

    names = [f"y{at}" for at in range(call.total)]
    try:
        need_sane(call)
        model = asked(call, names)
        found = shape_inference.infer_shapes(model).graph.output
    except Exception:  # noqa: BLE001 -- ONNX may raise anything for an invalid operation
        return [None] * call.total
    return [_sizes(info.type.tensor_type) for info in found]


def need_sane(call: Call) -> None:
    """Raise ValueError for inputs that might break ONNX's inference, which is native code.

    It trusts that inputs and dimensions exist and that numbers have a reasonable size.
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
    """Make a model of one operation, with outputs of these names.

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
    """Return dtype and sizes of each input, as far as ONNX's definitions need them."""
    from onnx import TypeProto, helper

    found = []
    for one in call.inputs:
        tensor = isinstance(one, Value | Const)
        found.append(helper.make_tensor_type_proto(_kind(one), one.sizes) if tensor else TypeProto())  # type: ignore[union-attr,arg-type] # a tensor
    return found


def node(call: Call, names: list[str]) -> NodeProto:
    """Return the single operation, with inputs ``x0``, ``x1`` and empty names for missing ones."""
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
    """Return the values of a small constant of at most one dimension."""
    if not isinstance(one, Const) or len(one.sizes) > 1 or math.prod(one.sizes) > SETTINGS:
        return None
    return np.asarray(at_hand(one)) if _light(one) else None


def _light(one: Const) -> bool:
    """Return whether its values are loaded, or computed from few."""
    return not isinstance(one, Lazy) or (one.effort <= SETTINGS and all(isinstance(up, Known) for up in one.parents))


def _kind(one: Value | Const) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(one.numbers.dtype)) if isinstance(one, Known) else FLOAT


def _sizes(kind: Any) -> Sizes | None:
    """Return sizes that are stated in full."""
    if not kind.HasField("shape") or not all(dim.HasField("dim_value") for dim in kind.shape.dim):
        return None
    found = tuple(dim.dim_value for dim in kind.shape.dim)
    return found if min(found, default=0) >= 0 and math.prod(found) <= np.iinfo(np.int64).max else None
