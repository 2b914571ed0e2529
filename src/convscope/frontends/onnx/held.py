"""Tensors of a quantised model that are held in other words than their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.frontends.tensors.integers import ONE

if TYPE_CHECKING:
    from convscope.frontends.tensors.values import Const, Value


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a tensor of a quantised model in other words than its numbers.

    Attributes:
        value: the float tensor that it was made from.
    """

    value: Value


@dataclass(frozen=True, slots=True)
class Scale(Held):
    """A scale that the model works out from the tensor that is quantised, times stored factors.

    Attributes:
        runs: one for each scale that is worked out.
        factor: stored.
    """

    runs: tuple[object, ...] = ()
    factor: Const = ONE


@dataclass(frozen=True, slots=True)
class Zero(Held):
    """A zero point that the model works out from the tensor that is quantised."""


@dataclass(frozen=True, slots=True)
class Quantized(Held):
    """Integers, or their sums of products: ``value / scale + zero``.

    Attributes:
        scale: stored, or worked out.
        zero: stored, or worked out; None for 0.
        axis: the dimension that a scale of several numbers goes along.
    """

    scale: Const | Scale = ONE
    zero: Const | Zero | None = None
    axis: int = 1
