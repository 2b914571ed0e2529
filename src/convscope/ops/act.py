"""Activation functions, and dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from convscope.core.axis import All, Read
from convscope.core.op import Example, Free, along, op, setting
from convscope.core.spell import Flag, Real
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


def _examples(*texts: str) -> tuple[Example, ...]:
    return tuple(Example(text, shapes) for text in texts for shapes in (((2, 3, 4),), ((5,),)))


class Pointwise(Free):
    """An op that reads each index for itself: ``x: c h w -> y: c h w``."""

    @final
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Every input fits."""

    @final
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)


@op("id")
class Identity(Pointwise):
    """``x``."""

    memory = "view"
    saves = ()
    passes = True
    examples = _examples("id")


@op("relu")
class ReLU(Pointwise):
    """``max(x, 0)``."""

    memory = "in place"
    saves = ("output",)
    examples = _examples("relu")


@op("leaky_relu")
class LeakyReLU(Pointwise):
    """``x`` where positive, else ``slope * x``."""

    slope: float = setting(Real(), default=0.01)

    memory = "in place"
    examples = _examples("leaky_relu", "leaky_relu 0.2")


@op("sigmoid")
class Sigmoid(Pointwise):
    """``1 / (1 + exp(-x))``."""

    memory = "in place"
    saves = ("output",)
    examples = _examples("sigmoid")


@op("tanh")
class Tanh(Pointwise):
    """Hyperbolic tangent."""

    memory = "in place"
    saves = ("output",)
    examples = _examples("tanh")


@op("gelu")
class GELU(Pointwise):
    """``x * Phi(x)``; ``approx`` takes the formula with tanh (Hendrycks and Gimpel, arXiv 1606.08415)."""

    approx: bool = setting(Flag("approx", means=True), default=False)

    examples = _examples("gelu", "gelu approx")


@op("silu")
class SiLU(Pointwise):
    """``x * sigmoid(x)``."""

    memory = "in place"
    examples = _examples("silu")


@op("softmax")
class Softmax(Free):
    """``exp(x) / sum exp(x)`` over the channels, at each place for itself."""

    saves = ("output",)
    examples = _examples("softmax")

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Every input fits."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels = inputs[0][0]
        return ((Read(0, All(channels, channels)), *along(inputs[0])[1:]),)


@op("dropout")
class Dropout(Pointwise):
    """In training each number is zero with probability ``p`` and the others grow by ``1/(1-p)``; else identity."""

    p: float = setting(Real(below=1.0), default=0.5)

    memory = "view"
    saves = ("mask",)
    examples = _examples("dropout", "dropout 0.1")


@op("spatial_softmax")
class SpatialSoftmax(Free):
    """``exp(x) / sum exp(x)`` over the places of each channel: the sum is a statistic of the whole map."""

    saves = ("output",)
    examples = (Example("spatial_softmax", ((2, 3, 2),)), Example("spatial_softmax", ((2, 4),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)

    def statistics(self, inputs: tuple[Shape, ...]) -> tuple[Read, ...]:
        """The channel, over the whole map."""
        return (along(inputs[0])[0], *(Read(axis, All(n, n)) for axis, n in enumerate(inputs[0][1:], 1)))
