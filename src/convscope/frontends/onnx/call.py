"""The argument of a rule: an operation with its inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from convscope.budget import spend
from convscope.errors import ModelError, ShapeError
from convscope.frontends.onnx.consts import Ahead, at_hand
from convscope.frontends.tensors.integers import as_written
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from convscope.frontends.onnx.held import Held
    from convscope.frontends.onnx.lost import Lost
    from convscope.frontends.onnx.sequence import Sequence
    from convscope.frontends.tensors.builder import Builder

Given: TypeAlias = "Value | Const | Held | Lost | Sequence | None"
"""A tensor, one of unknown sizes, a sequence of tensors, or a missing input."""

LONGEST = 2**16
"""The most values of a setting that is given as a tensor."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation.

    Attributes:
        builder: receives the layers.
        op: the operator.
        opset: version of its domain.
        inputs: in order.
        attrs: by name.
        outputs: how many are asked for.
        batch: number of samples in the file, which are read as one.
        ahead: budget of eager computation.
        domain: domain of the operator; empty for ONNX's own.
        total: number of outputs in the file, requested or not.
    """

    builder: Builder
    op: str
    opset: int
    inputs: tuple[Given, ...]
    attrs: dict[str, Any]
    outputs: int = 1
    batch: int = 1
    ahead: Ahead = field(default_factory=Ahead)
    domain: str = ""
    total: int = 1

    def get(self, at: int) -> Given:
        """Return an input; None if it is missing."""
        return self.inputs[at] if at < len(self.inputs) else None

    def tensor(self, at: int) -> Value | Const:
        """Return a required input.

        Raises:
            ShapeError: the input is missing.
        """
        found = self.get(at)
        if not isinstance(found, Value | Const):
            raise ShapeError(f"input {at} is not a tensor")
        return found

    def value(self, at: int) -> Value:
        """Return an input that depends on the net's input.

        Raises:
            ShapeError: it does not.
        """
        found = self.get(at)
        if not isinstance(found, Value):
            raise ShapeError(f"input {at} is a constant, but must depend on the image")
        return found

    def const(self, at: int) -> Const:
        """Return a constant input.

        Raises:
            ShapeError: it does.
        """
        found = self.get(at)
        if not isinstance(found, Const):
            raise ShapeError(f"input {at} is missing, or depends on the image")
        return found

    def maybe(self, at: int) -> Const | None:
        """Return an optional constant input."""
        return None if self.get(at) is None else self.const(at)

    def whole(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        found = self.attrs.get(name, default)
        if not isinstance(found, int):
            raise ModelError(f"{name} is not an integer")
        return found

    def real(self, name: str, default: float) -> float:
        """Return a float attribute."""
        found = self.attrs.get(name, default)
        if not isinstance(found, int | float) or not math.isfinite(found):
            raise ModelError(f"{name} is not a number")
        return as_written(found)

    def word(self, name: str, default: str) -> str:
        """Return a string attribute."""
        found = self.attrs.get(name, default)
        if not isinstance(found, str):
            raise ModelError(f"{name} is not a string")
        return found

    def wholes(self, name: str) -> list[int] | None:
        """Return an attribute that is a list of integers."""
        found = self.attrs.get(name)
        if found is not None and not (isinstance(found, list) and all(isinstance(one, int) for one in found)):
            raise ModelError(f"{name} is not a list of integers")
        return found

    def numbers(self, at: int) -> list[Any] | None:
        """Return an input that is a list of settings; None if it is missing.

        Raises:
            ShapeError: it depends on the net's input, or is too long for settings.
        """
        found = self.maybe(at)
        if found is None:
            return None
        if math.prod(found.sizes) > LONGEST:
            raise ShapeError(f"input {at} has {math.prod(found.sizes)} numbers", expected="a few settings")
        spend(math.prod(found.sizes))
        return list(at_hand(found).reshape(-1).tolist())

    def ints(self, at: int) -> list[int] | None:
        """Return an input that is a list of integers."""
        found = self.numbers(at)
        return None if found is None else [int(one) for one in found]

    def listed(self, name: str, at: int) -> list[int] | None:
        """Return integers that are an attribute in older operators and an input in newer ones."""
        found = self.wholes(name)
        return self.ints(at) if found is None else found
