"""How a model is refused: which operation cannot be read, and how the part before it can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convscope.errors import ConvscopeError, ModelError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.onnx.steps import Step


class UnreadError(ShapeError):
    """An operator that no rule reads."""


def failed(step: Step, error: Exception) -> ConvscopeError:
    """The error for an operation that cannot be read; what a layer says of its own input stays as it is."""
    if not isinstance(error, ConvscopeError):
        return ModelError(f"{step}: it does not fit its inputs")
    if error.given or (isinstance(error, ModelError) and error.what.startswith("node ")):
        return error
    return ModelError(f"{step}: {error.what}", expected=error.expected, attempt=error.attempt)


def cut_before(error: ConvscopeError, file: str, inputs: Sequence[str], outputs: Sequence[str]) -> ConvscopeError:
    """The error with how to cut the model before the operation, at tensors that are known."""
    if outputs and not error.attempt:
        names = ", ".join(json.dumps(one, ensure_ascii=False) for one in (file, f"part of {file}"))
        error.attempt = (
            f"the part before it: onnx.utils.extract_model({names}, {json.dumps(list(inputs))}, "
            f"{json.dumps(list(outputs))})"
        )
    return error
