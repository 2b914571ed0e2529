"""Tensors of a quantised model that are held in other words than their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.frontends.onnx.consts import known

if TYPE_CHECKING:
    from convscope.frontends.build.values import Const, Value

ONE: Const = known(np.ones((), np.float32))


@dataclass(frozen=True, slots=True)
class Affine:
    """How stored integers stand for floats: ``scale * (integer - zero)``.

    Attributes:
        scale: one number, or one for each index along an axis, or for each block of them.
        zero: the zero point; None for 0.
        axis: the dimension that a scale of several numbers goes along.
        block: how many indices a number of the scale is for; 0 where it is one.
    """

    scale: Const = ONE
    zero: Const | None = None
    axis: int = 1
    block: int = 0


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
