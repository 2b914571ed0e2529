"""Activation functions and dropout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, final

from convscope.core.axis import All, Read
from convscope.core.op import Example, Free, Op, Weight, along, op, setting
from convscope.core.spell import Count, Flag, Real
from convscope.errors import ShapeError
from convscope.ops.groups import group_reads
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


def _examples(*texts: str) -> tuple[Example, ...]:
    return tuple(Example(text, shapes) for text in texts for shapes in (((2, 3, 4),), ((5,),)))


class Pointwise(Free):
    """An elementwise op: ``x: c h w -> y: c h w``."""

    @final
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    @final
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)


@op("id")
class Identity(Pointwise):
    """``x``."""

    memory = "view"
    saves: ClassVar[tuple[str, ...]] = ()
    passes = True
    examples: ClassVar[tuple[Example, ...]] = _examples("id")


@op("relu")
class ReLU(Pointwise):
    """``max(x, 0)``."""

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = _examples("relu")


@op("leaky_relu")
class LeakyReLU(Pointwise):
    """``x`` if positive, otherwise ``slope * x``."""

    slope: float = setting(Real(), default=0.01)

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("leaky_relu", "leaky_relu 0.2")


@op("sigmoid")
class Sigmoid(Pointwise):
    """``1 / (1 + exp(-x))``."""

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = _examples("sigmoid")


@op("tanh")
class Tanh(Pointwise):
    """Hyperbolic tangent."""

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = _examples("tanh")


@op("gelu")
class GELU(Pointwise):
    """``x * Phi(x)``; ``approx`` uses the formula with tanh (Hendrycks and Gimpel, arXiv 1606.08415)."""

    approx: bool = setting(Flag("approx", means=True), default=False)

    examples: ClassVar[tuple[Example, ...]] = _examples("gelu", "gelu approx")


@op("silu")
class SiLU(Pointwise):
    """``x * sigmoid(x)``."""

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("silu")


@op("relu6")
class ReLU6(Pointwise):
    """``min(max(x, 0), 6)``."""

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("relu6")


@op("hardswish")
class Hardswish(Pointwise):
    """``x * min(max(x + 3, 0), 6) / 6`` (MobileNetV3, arXiv 1905.02244)."""

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("hardswish")


@op("hardsigmoid")
class Hardsigmoid(Pointwise):
    """``min(max(x + 3, 0), 6) / 6``."""

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("hardsigmoid")


@op("threshold")
class Threshold(Pointwise):
    """``x`` above the limit, otherwise 0, with a jump."""

    limit: float = setting(Real(minimum=-math.inf))

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("threshold 0.5", "threshold -1")


@op("clamp")
class Clamp(Pointwise):
    """``min(max(x, low), high)``; the hard tanh is ``clamp -1 1``."""

    low: float = setting(Real(minimum=-math.inf))
    high: float = setting(Real(minimum=-math.inf))

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("clamp -1 2")


@op("elu")
class ELU(Pointwise):
    """``x`` if positive, otherwise ``alpha * (exp(x) - 1)`` (arXiv 1511.07289)."""

    alpha: float = setting(Real(), default=1.0)

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = _examples("elu", "elu 0.5")


@op("selu")
class SELU(Pointwise):
    """The self-normalising ELU (arXiv 1706.02515)."""

    memory = "in place"
    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = _examples("selu")


@op("softplus")
class Softplus(Pointwise):
    """``log(1 + exp(x))``."""

    examples: ClassVar[tuple[Example, ...]] = _examples("softplus")


@op("mish")
class Mish(Pointwise):
    """``x * tanh(softplus(x))`` (arXiv 1908.08681)."""

    memory = "in place"
    examples: ClassVar[tuple[Example, ...]] = _examples("mish")


@op("prelu")
class PReLU(Op):
    """``x`` if positive, otherwise ``weight * x``, with a learned slope, or one for each channel (arXiv 1502.01852)."""

    count: int = setting(Count(), default=1)

    examples: ClassVar[tuple[Example, ...]] = (Example("prelu", ((3, 2, 2),)), Example("prelu 3", ((3, 4),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if self.count not in {1, inputs[0][0]}:
            raise ShapeError(
                f"{self.count} slopes are given for {inputs[0][0]} channels", expected="one slope, or one per channel"
            )

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- as many as given
        """See :class:`Op`."""
        return (Weight("weight", (self.count,)),)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- activations count no MACs
        """Return None, by the convention of this project."""
        return 0


@op("softmax")
class Softmax(Free):
    """``exp(x) / sum exp(x)`` over the channels, or over each group of channels, at each position."""

    groups: int = setting(Count("g"), default=1)

    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = (*_examples("softmax"), Example("softmax g2", ((6, 2),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if inputs[0][0] % self.groups:
            raise ShapeError(f"groups={self.groups} does not divide the {inputs[0][0]} channels")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels = inputs[0][0]
        return ((Read(0, group_reads(channels, channels, self.groups)), *along(inputs[0])[1:]),)


@op("dropout")
class Dropout(Pointwise):
    """In training, zero each value with probability ``p`` and scale the others by ``1/(1-p)``; else the identity."""

    p: float = setting(Real(below=1.0), default=0.5)

    memory = "view"
    saves: ClassVar[tuple[str, ...]] = ("mask",)
    examples: ClassVar[tuple[Example, ...]] = _examples("dropout", "dropout 0.1")


@op("spatial_softmax")
class SpatialSoftmax(Free):
    """``exp(x) / sum exp(x)`` over the positions of each channel; the sum is a statistic of the entire map."""

    saves: ClassVar[tuple[str, ...]] = ("output",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("spatial_softmax", ((2, 3, 2),)),
        Example("spatial_softmax", ((2, 4),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)

    def statistics(self, inputs: tuple[Shape, ...]) -> tuple[Read, ...]:
        """Read the channel over the entire map."""
        return (along(inputs[0])[0], *(Read(axis, All(n, n)) for axis, n in enumerate(inputs[0][1:], 1)))
