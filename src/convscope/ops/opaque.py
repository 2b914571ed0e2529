"""Layers that cannot be inspected."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import All, Read
from convscope.core.op import Example, Op, op, setting
from convscope.core.words import Extent

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("opaque")
class Opaque(Op):
    """A layer of which only the output shape is known: it may read everything, and its costs are unknown."""

    out: Shape = setting(Extent())

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("opaque 2x2x3", ((2, 4, 4),)),
        Example("opaque 5", ((2, 2, 2),)),
        Example("opaque 2x2x3", ((4,),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Read everything. An input with fewer axes than the output gets further axes of length 1."""
        pairs = enumerate(zip_longest(inputs[0], self.out))
        last = len(self.out) - 1
        return (tuple(Read(min(axis, last), All(n or 1, self.out[min(axis, last)])) for axis, (n, _) in pairs),)

    def output(self) -> Shape:
        """Return the given shape."""
        return self.out

    def hull(self) -> str:
        """See :class:`Op`."""
        return "unknown"

    def weights(self, inputs: tuple[Shape, ...]) -> None:  # noqa: ARG002 -- unknown, whatever the input
        """Return None: unknown."""
        return

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> None:  # noqa: ARG002 -- as above
        """Return None: unknown."""
        return
