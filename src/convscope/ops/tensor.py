"""Ops on tensors, written as patterns of axes: rearranging, reducing, products of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from convscope.core.op import Example, Free, Op, Weight, op, setting
from convscope.core.pattern import hull, parse
from convscope.core.spell import Flag
from convscope.core.words import Choice, Spec

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape

STATS = ("mean", "sum", "max", "min", "var", "std", "l2")


@op("rearrange")
class Rearrange(Free):
    """The same values in another order; letters that only the output has repeat them."""

    spec: str = setting(Spec(2))

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rearrange a3b2xc2xd3:baxcxd", ((6, 2, 3),)),
        Example("rearrange a2xb4:bxa", ((2, 4),)),
        Example("rearrange a2xb2c2xd3:abxcxd", ((2, 4, 3),)),
        Example("rearrange a4b2xc2xd3:axcbxd", ((8, 2, 3),)),
        Example("rearrange a2xb2c3:acxb", ((2, 6),)),
        Example("rearrange a2xb2xc3:axcb", ((2, 2, 3),)),
        Example("rearrange a2xb3x1:axbxc4", ((2, 3, 1),)),
        Example("rearrange a2xb3:axbc2", ((2, 3),)),
        Example("rearrange a2xb2c3:abxc", ((2, 6),)),
        Example("rearrange a2b3:ax1xb", ((6,),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        parse(self.spec, 2).check(inputs)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:  # noqa: ARG002 -- the pattern has the sizes
        """See :class:`Op`."""
        return (parse(self.spec, 2).reads(0),)

    def output(self) -> Shape:
        """See :class:`Op`."""
        pattern = parse(self.spec, 2)
        return pattern.shape(pattern.output)

    def hull(self) -> str:
        """See :class:`Op`."""
        return hull(self.spec, 2)


@op("reduce")
class Reduce(Free):
    """The mean, sum, maximum, … over the letters that the output omits.

    ``var`` and ``std`` divide by the count; ``l2`` is the root of the sum of squares.
    """

    spec: str = setting(Spec(2))
    stat: str = setting(Choice(STATS), default="mean")

    examples: ClassVar[tuple[Example, ...]] = (
        Example("reduce a2b3xc2xd3:bxcxd", ((6, 2, 3),)),
        Example("reduce a2b3xc2:axc sum", ((6, 2),)),
        Example("reduce a2xb3xc4:axbx1 max", ((2, 3, 4),)),
        Example("reduce a2xb3xc4:1xbxc l2", ((2, 3, 4),)),
        Example("reduce a2xb3:a std", ((2, 3),)),
        Example("reduce a2xb2c2:axc min", ((2, 4),)),
        Example("reduce a2xb2c2xd2:axbxd var", ((2, 4, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        parse(self.spec, 2).check(inputs)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:  # noqa: ARG002 -- the pattern has the sizes
        """See :class:`Op`."""
        return (parse(self.spec, 2).reads(0),)

    def output(self) -> Shape:
        """See :class:`Op`."""
        pattern = parse(self.spec, 2)
        return pattern.shape(pattern.output)

    def hull(self) -> str:
        """See :class:`Op`."""
        return hull(self.spec, 2)


@op("einsum")
class Einsum(Op):
    """Products of two tensors, summed over the letters that the output omits: attention scores, bilinear pooling."""

    spec: str = setting(Spec(3))

    merges = True
    saves: ClassVar[tuple[str, ...]] = ("factors",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("einsum a2b3xc2xd2:a2b3xe2xf2:aefxcxd( id | id )", ((6, 2, 2), (6, 2, 2))),
        Example("einsum a2c2d2xe2xf2:a2b3xc2xd2:abxexf( id | id )", ((8, 2, 2), (6, 2, 2))),
        Example("einsum a3xb4:c2xb4:cxa( id | id )", ((3, 4), (2, 4))),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        parse(self.spec, 3).check(inputs)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:  # noqa: ARG002 -- the pattern has the sizes
        """See :class:`Op`."""
        pattern = parse(self.spec, 3)
        return pattern.reads(0), pattern.reads(1)

    def output(self) -> Shape:
        """See :class:`Op`."""
        pattern = parse(self.spec, 3)
        return pattern.shape(pattern.output)

    def hull(self) -> str:
        """See :class:`Op`."""
        return hull(self.spec, 3, 2)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- none, whatever the input
        """None."""
        return ()

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- the pattern has the sizes
        """Count one for each combination of letters."""
        pattern = parse(self.spec, 3)
        return pattern.size(list(pattern.sizes))


@op("mix")
class Mix(Op):
    """A learned linear map along any letters: input, weight, output. ``axb:cxa:cxb`` is a 1x1 convolution.

    ``bias`` adds a learned value for each letter that only weight and output have.
    """

    spec: str = setting(Spec(3))
    bias: bool = setting(Flag("bias", means=True), default=False)

    saves: ClassVar[tuple[str, ...]] = ("factors",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("mix a3xb2xc2:d4xbc:axd", ((3, 2, 2),)),
        Example("mix a2b3xc2:d4xb:adxc bias", ((6, 2),)),
        Example("mix a2b3xc2:axd2xb:adxc", ((6, 2),)),
        Example("mix a3xb4:d4xb:axd bias", ((3, 4),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        parse(self.spec, 3).check(inputs)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:  # noqa: ARG002 -- the pattern has the sizes
        """See :class:`Op`."""
        return (parse(self.spec, 3).reads(0),)

    def output(self) -> Shape:
        """See :class:`Op`."""
        pattern = parse(self.spec, 3)
        return pattern.shape(pattern.output)

    def hull(self) -> str:
        """See :class:`Op`."""
        return hull(self.spec, 3)

    def added(self) -> str:
        """The letters of weight and output that the input lacks."""
        pattern = parse(self.spec, 3)
        inside = set("".join(pattern.parts[0]))
        return "".join(letter for letter in "".join(pattern.output) if letter not in inside)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- the pattern has the sizes
        """See :class:`Op`."""
        pattern = parse(self.spec, 3)
        matrix = Weight("weight", pattern.shape(pattern.parts[1]))
        return (matrix, Weight("bias", (pattern.size(self.added()),))) if self.bias else (matrix,)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- the pattern has the sizes
        """Count one for each combination of letters."""
        pattern = parse(self.spec, 3)
        return pattern.size(list(pattern.sizes))
