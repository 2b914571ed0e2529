"""Operations on constants only, folded by our own code or by ONNX's reference implementation."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from convscope.errors import ShapeError
from convscope.frontends.onnx.evaluate import worked_out
from convscope.frontends.onnx.fold import folded
from convscope.frontends.onnx.fold_shape import FOLDS
from convscope.frontends.onnx.rules import find

if TYPE_CHECKING:
    from convscope.frontends.onnx.call import Call
    from convscope.frontends.tensors.values import Const


def on_stored(call: Call) -> list[Const]:
    """The results of an operation on constants.

    Raises:
        ShapeError: the operation cannot be computed.
    """
    rule = find("", call.op) if call.op in {"Shape", "Size"} else None
    if rule:
        return [rule(call)]
    try:
        return folded(call, FOLDS) if call.op in FOLDS else worked_out(call)
    except ShapeError as error:  # an unsupported variant; if the reference fails, too, the error of the fold is better
        with suppress(ShapeError):
            return worked_out(call)
        raise error from None
