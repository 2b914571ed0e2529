"""Sources: constants and learned tensors in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import Read, Window
from convscope.core.op import Example, Op, Weight, op, setting
from convscope.core.spell import Flag
from convscope.core.words import Extent

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("const")
class Const(Op):
    """A tensor that is the same for every sample: learned queries, coordinates; ``fixed`` if it is not learned.

    Only the number of samples of its input is read.
    """

    out: Shape = setting(Extent())
    fixed: bool = setting(Flag("fixed", means=True), default=False)

    source = True
    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("const 4x3x2", ((2, 4, 4),)),
        Example("const 5 fixed", ((2, 3),)),
        Example("const 2x3", ((3,),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Read nothing: every window lies beyond the input."""
        last = len(self.out) - 1
        follow = (min(axis, last) for axis in range(len(inputs[0])))
        return (tuple(Read(to, _beyond(n, self.out[to])) for to, n in zip(follow, inputs[0], strict=True)),)

    def output(self) -> Shape:
        """Return the given shape."""
        return self.out

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- whatever the input
        """See :class:`Op`."""
        return (Weight("weight", self.out, not self.fixed),)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- nothing is multiplied
        """None."""
        return 0


def _beyond(size: int, extent: int) -> Window:
    """Return a window of one tap whose outputs all lie beyond the input."""
    return Window(size, lo=-size, hi=extent)
