"""Keras 2's form of functions that are called on tensors of a model: one layer with the function's name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.frontends.keras.here import BeyondError
from convscope.frontends.keras.rules.operations import OPERATIONS
from convscope.frontends.keras.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.keras.here import Here

_NAMES = {
    "__operators__.add": "Add",
    "__operators__.sub": "Subtract",
    "__operators__.mul": "Multiply",
    "__operators__.truediv": "Divide",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "Divide",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "nn.relu": "Relu",
    "nn.relu6": "Relu6",
    "nn.silu": "Silu",
    "math.sigmoid": "Sigmoid",
    "nn.sigmoid": "Sigmoid",
    "math.tanh": "Tanh",
    "nn.tanh": "Tanh",
    "math.reduce_mean": "Mean",
    "math.reduce_sum": "Sum",
    "math.reduce_max": "Max",
    "reshape": "Reshape",
    "transpose": "Transpose",
    "concat": "Concatenate",
    "expand_dims": "ExpandDims",
    "cast": "Cast",
}
"""TensorFlow functions, with their names in Keras 3."""

_SETTINGS = {"shape": "newshape", "perm": "axes"}
"""Names of their arguments in Keras 3."""

_OPERANDS = ("y",)
"""Names of tensor arguments."""


def _function(here: Here, x: Any, **named: Any) -> Any:
    name = _NAMES.get(str(here.settings.get("function")))
    if name is None:
        raise BeyondError
    operands = [named.pop(key) for key in _OPERANDS if key in named]
    here.spec = replace(here.spec, settings=Settings({_SETTINGS.get(key, key): value for key, value in named.items()}))
    return OPERATIONS[name](here, x, *operands)


OLD: dict[str, Callable[..., Any]] = {"TFOpLambda": _function}
"""Layers by class."""
