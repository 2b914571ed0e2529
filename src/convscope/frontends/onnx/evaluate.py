"""Other operations on constants, computed by ONNX's reference implementation, such as learned queries.

Only ONNX's own operators are computed, one at a time, on loaded values. The cost is counted before: sizes come from
:mod:`convscope.frontends.onnx.infer`, multiply-adds from the operator.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import MOST, Known, count, lazy
from convscope.frontends.onnx.fold import at_once
from convscope.frontends.onnx.infer import IR_VERSION, inferred, node
from convscope.frontends.onnx.unread import FREE, MACS, macs_of
from convscope.frontends.tensors.values import Const

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.frontends.onnx.call import Call

    Numbers = NDArray[Any]

AT_ONCE = 2**16
"""Values and multiply-adds up to which a result is computed eagerly."""

SLOW = 64
"""Cost of a value in the reference implementation, relative to moving one in NumPy."""

ASKED = 2**20
"""Overhead of a call of the reference implementation, in moved values."""

LEFT_OUT = {"Bernoulli", "GatherElements", "Multinomial", "RandomNormalLike", "RandomUniformLike"}
"""Random operators, and one that takes minutes for an index beyond the end."""

BY_NUMBERS = {"Compress", "NonMaxSuppression", "NonZero", "Unique"}
"""Operators whose output sizes depend on values but do not exceed the input."""


def worked_out(call: Call) -> list[Const]:
    """Return the results of an operation on constants.

    Raises:
        ShapeError: the operator cannot be computed, or its result is too large.
    """
    if call.op in LEFT_OUT or call.op not in FREE | MACS.keys():
        raise ShapeError("the operator cannot be computed on constants")
    parents = [one for one in call.inputs if isinstance(one, Const)]
    outputs = max(1, call.outputs)
    sizes = inferred(call)[:outputs]
    stated = [one for one in sizes if one is not None]
    if len(stated) < outputs and call.op not in BY_NUMBERS:
        raise ShapeError("the sizes of a constant are unknown")
    macs = macs_of(call, sizes[0]) or 0
    if max((math.prod(one) for one in stated), default=0) > MOST:
        raise ShapeError(f"a constant has more than {MOST:,} values")
    moved = sum(max(1, math.prod(one)) for one in (*stated, *(one.sizes for one in parents)))
    heavy = ASKED + macs + SLOW * moved
    if macs + moved <= AT_ONCE and all(isinstance(one, Known) for one in parents) and call.ahead.take(heavy):
        count(heavy)
        return at_once(computed(call, [one.numbers for one in parents if isinstance(one, Known)]), parents, macs)
    if len(stated) < outputs:
        raise ShapeError("the sizes of a constant depend on too many values")
    return [
        lazy(one, parents, lambda arrays, at=at: computed(call, arrays)[at], 0 if at else macs, heavy)  # type: ignore[misc] # bound now
        for at, one in enumerate(stated)
    ]


def computed(call: Call, arrays: Sequence[Numbers]) -> list[Numbers]:
    """Compute the outputs of an operation for given values, with real dtypes as float32."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    left = iter(arrays)
    given = {f"x{at}": np.asarray(next(left)) for at, one in enumerate(call.inputs) if isinstance(one, Const)}
    names = [f"y{at}" for at in range(call.total)]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape)
        for name, one in given.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in names]
    graph = helper.make_graph([node(call, names)], "one", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", call.opset)], ir_version=IR_VERSION)
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(model).run(None, given)
    except Exception as error:  # the reference may raise anything
        raise ShapeError("ONNX's reference implementation cannot compute the operation on constants") from error
    return [_plain(np.asarray(one)) for one in found]


def _plain(numbers: Numbers) -> Numbers:
    return numbers.astype(np.float32) if np.issubdtype(numbers.dtype, np.floating) else numbers
