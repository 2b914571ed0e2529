"""Elementwise functions, and multiplication with or addition of a number or a constant tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from convscope.core.op import Example, Op, Weight, along, op, setting
from convscope.core.shape import to_text
from convscope.core.spell import Flag, Real
from convscope.core.words import Choice, Extent
from convscope.errors import ShapeError
from convscope.ops.act import Pointwise

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape

FUNCTIONS = (
    "exp", "log", "sqrt", "rsqrt", "abs", "neg", "square", "sin", "cos", "erf", "reciprocal",
    "logsigmoid", "softsign", "tanhshrink",
)  # fmt: skip
"""The names are those of torch."""

_SHAPES = ((2, 3, 4),), ((5,),)


@op("map")
class Map(Pointwise):
    """An elementwise function, by name."""

    name: str = setting(Choice(FUNCTIONS, named=True))

    examples: ClassVar[tuple[Example, ...]] = tuple(
        Example(f"map {name}", shapes) for name in FUNCTIONS for shapes in _SHAPES[:1]
    )


@op("times")
class Times(Pointwise):
    """``x * value``."""

    value: float = setting(Real(minimum=-math.inf))

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (Example("times 0.5", *_SHAPES[:1]), Example("times -2.5", *_SHAPES[1:]))


@op("plus")
class Plus(Pointwise):
    """``x + value``."""

    value: float = setting(Real(minimum=-math.inf))

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ()
    passes = True
    examples: ClassVar[tuple[Example, ...]] = (Example("plus 1.5", *_SHAPES[:1]), Example("plus -3", *_SHAPES[1:]))


@op("pow")
class Pow(Pointwise):
    """``x`` to the power of ``value``."""

    value: float = setting(Real(minimum=-math.inf))

    examples: ClassVar[tuple[Example, ...]] = (Example("pow 2", *_SHAPES[:1]), Example("pow 0.5", *_SHAPES[1:]))


@dataclass(frozen=True)
class Stored(Op):
    """An elementwise op with a tensor of its own: ``x: c h w -> y: c h w``.

    An axis of the tensor may be shorter than the input's if it divides it; it is then repeated.
    """

    shape: Shape = setting(Extent())
    fixed: bool = setting(Flag("fixed", means=True), default=False)

    @final
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        pairs = zip(inputs[0], self.shape, strict=False)
        if len(self.shape) != len(inputs[0]) or any(size % mine for size, mine in pairs):
            raise ShapeError(f"{to_text(self.shape)} does not tile {to_text(inputs[0])}")

    @final
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)

    @final
    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- of the shape that is given
        """See :class:`Op`; ``fixed`` numbers are stored, not learned."""
        return (Weight("weight", self.shape, trained=not self.fixed),)

    @final
    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- as norms, by convention
        """Return None, by the convention of this project."""
        return 0


@op("scale")
class Scale(Stored):
    """``x * weight``: a learned factor for each channel is ``scale 1x1xC`` (layer scale, arXiv 2103.17239)."""

    saves: ClassVar[tuple[str, ...]] = ("factors",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("scale 1x1x4", ((4, 3, 2),)),
        Example("scale 3x2x4", ((4, 3, 2),)),
        Example("scale 2x1x2 fixed", ((4, 4, 2),)),
        Example("scale 5", ((5,),)),
    )


@op("shift")
class Shift(Stored):
    """``x + weight``: position embeddings, or a separate bias."""

    passes = True
    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("shift 1x1x4", ((4, 3, 2),)),
        Example("shift 4x2", ((2, 4),)),
        Example("shift 2x2x2 fixed", ((4, 4, 2),)),
        Example("shift 1", ((5,),)),
    )
