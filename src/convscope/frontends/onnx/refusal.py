"""Errors for operations that cannot be read, with a way to read the part before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convscope.errors import ConvscopeError, ModelError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.onnx.steps import Step


class UnreadError(ShapeError):
    """An operator without a rule."""


def failed(step: Step, error: Exception) -> ConvscopeError:
    """Return the error for an operation that cannot be read; errors of layers about their input are kept."""
    if not isinstance(error, ConvscopeError):
        return ModelError(f"{step}: it does not fit its inputs")
    if error.given or (isinstance(error, ModelError) and error.what.startswith("node ")):
        return error
    return ModelError(f"{step}: {error.what}", expected=error.expected, attempt=error.attempt)


def cut_before(error: ConvscopeError, file: str, inputs: Sequence[str], outputs: Sequence[str]) -> ConvscopeError:
    """Add to the error how to cut the model before the operation, at known tensors."""
    if outputs and not error.attempt:
        names = ", ".join(json.dumps(one, ensure_ascii=False) for one in (file, f"part of {file}"))
        error.attempt = (
            f"the part before it: onnx.utils.extract_model({names}, {json.dumps(list(inputs))}, "
            f"{json.dumps(list(outputs))})"
        )
    return error
