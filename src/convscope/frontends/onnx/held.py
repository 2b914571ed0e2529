"""Tensors of a quantised model in symbolic form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.frontends.tensors.integers import ONE

if TYPE_CHECKING:
    from convscope.frontends.tensors.values import Const, Value


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor of a quantised model in symbolic form.

    Attributes:
        value: the float tensor from which it was made.
    """

    value: Value


@dataclass(frozen=True, slots=True)
class Scale(Held):
    """A scale that is computed from the tensor to quantise, times stored factors.

    Attributes:
        runs: one for each computed scale.
        factor: the stored factor.
    """

    runs: tuple[object, ...] = ()
    factor: Const = ONE


@dataclass(frozen=True, slots=True)
class Zero(Held):
    """A zero point that is computed from the tensor to quantise."""


@dataclass(frozen=True, slots=True)
class Quantized(Held):
    """Integers, or their sums of products: ``value / scale + zero``.

    Attributes:
        scale: stored or computed.
        zero: stored or computed; None for 0.
        axis: the dimension along which a scale varies.
    """

    scale: Const | Scale = ONE
    zero: Const | Zero | None = None
    axis: int = 1
