"""Operations over the batch: a file for several samples may mix them, but a net describes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.frontends.tensors.values import Value

if TYPE_CHECKING:
    from convscope.frontends.onnx.call import Call
    from convscope.frontends.onnx.graph import Declared

ALONG = {
    "ArgMax": 0, "ArgMin": 0, "CumSum": 0, "Hardmax": -1, "LogSoftmax": -1, "LpNormalization": -1, "Softmax": -1,
    "TopK": -1,
}  # fmt: skip
"""Operators along one dimension, with its default."""


def stated_batch(sizes: Declared | None) -> int | None:
    """Return the dimension of an output that is open in the file, if exactly one is; for a state, it is the second.

    >>> stated_batch((1, "n", 64)), stated_batch(("n", "t", 64)), stated_batch(None)
    (1, None, None)
    """
    found = [at for at, one in enumerate(sizes or ()) if isinstance(one, str)]
    return found[0] if len(found) == 1 else None


def over_batch(call: Call) -> bool:
    """Return whether an operation mixes samples of a batch: a mean or a softmax over the first dimension."""
    x = call.get(0)
    if call.batch < 2 or call.domain or not isinstance(x, Value) or len(x.dims) < 2 or x.dims[0]:
        return False
    if call.op in ALONG:
        axes = call.ints(1) if call.op == "CumSum" else [call.whole("axis", ALONG[call.op])]
    elif call.op.startswith("Reduce"):
        axes = call.listed("axes", 1) or ([] if call.whole("noop_with_empty_axes", 0) else [0])
    else:
        return False
    return any(at in {0, -len(x.dims)} for at in axes or ())
