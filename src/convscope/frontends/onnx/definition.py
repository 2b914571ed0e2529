"""Operators that ONNX defines by other operators: a norm by means, attention by products.

If no rule supports a variant of such an operator, with a mask, along other dimensions, or with a further output, its
definition is read instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.frontends.onnx.cells import stepwise
from convscope.frontends.onnx.infer import need_sane, node, types

if TYPE_CHECKING:
    from onnx import FunctionProto

    from convscope.frontends.onnx.call import Call


def definition(call: Call) -> FunctionProto | None:
    """Return the function that defines an operator for the inputs and attributes of a call; None if ONNX has none.

    It includes the defaults of the operator's attributes.
    """
    from onnx import FunctionProto, defs

    if call.domain:
        return None
    steps = stepwise(call)
    if steps is not None:
        return steps
    try:
        need_sane(call)
        schema: Any = defs.get_schema(call.op, call.opset, "")
        written = [at for at in schema.context_dependent_function_opset_versions if at <= call.opset]
        plain = [at for at in schema.function_opset_versions if at <= call.opset]
        if written:
            names = [f"y{at}" for at in range(call.total)]
            given = [one.SerializeToString() for one in types(call)]
            made = schema.get_context_dependent_function_with_opset_version(
                written[-1], node(call, names).SerializeToString(), given
            )
        elif plain:
            made = schema.get_function_with_opset_version(plain[-1])
        else:
            return None
    except (defs.SchemaError, RuntimeError, TypeError, ValueError):
        return None
    found = FunctionProto()
    found.ParseFromString(made)
    found.attribute_proto.extend(one.default_value for one in schema.attributes.values() if one.default_value.type)
    return found
