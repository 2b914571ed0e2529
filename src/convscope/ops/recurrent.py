"""Recurrent layers over a sequence of positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from convscope.core.axis import All, Read, Table
from convscope.core.op import Example, Op, Weight, along, op, setting
from convscope.core.spell import Count, Flag
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from convscope.core.axis import Indices
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@dataclass(frozen=True)
class Recurrent(Op):
    """``x: c n -> y: hidden n``, with twice the channels if it runs in both directions.

    On maps it runs along one spatial axis, independently for every position of the others (Sequencer, arXiv
    2205.01972).
    """

    hidden: int = setting(Count())
    layers: int = setting(Count("layers"), default=1)
    both: bool = setting(Flag("both", means=True), default=False)
    bias: bool = setting(Flag("nobias", means=False), default=True)
    along: int = setting(Count("along"), default=1)

    gates: ClassVar[int]

    @final
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if len(inputs[0]) <= self.along:
            raise ShapeError(f"there is no spatial axis {self.along}: the input has {len(inputs[0]) - 1}")

    @final
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Let a position read itself and all earlier ones; in both directions, all positions."""
        channels, positions = inputs[0][0], inputs[0][self.along]

        def ends(o: Indices) -> tuple[Indices, Indices]:
            return o * 0, o

        past = All(positions, positions) if self.both else Table(positions, positions, positions, ends, flows=True)
        reads = list(along(inputs[0]))
        reads[0] = Read(0, All(channels, self.hidden * (1 + self.both)))
        reads[self.along] = Read(self.along, past)
        return (tuple(reads),)

    @final
    def hull(self) -> str:
        """In both directions, half of the channels depend on earlier positions, and half on later ones."""
        return "channels" if self.both else ""

    @final
    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        found = []
        coming = inputs[0][0]
        for layer in range(self.layers):
            for back in ("", "_reverse")[: 1 + self.both]:
                rows = self.gates * self.hidden
                found += [Weight(f"weight_ih_l{layer}{back}", (rows, coming))]
                found += [Weight(f"weight_hh_l{layer}{back}", (rows, self.hidden))]
                if self.bias:
                    found += [Weight(f"bias_{kind}_l{layer}{back}", (rows,)) for kind in ("ih", "hh")]
            coming = self.hidden * (1 + self.both)
        return tuple(found)

    @final
    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- counted from the weights
        """Count the product of every position with all matrices."""
        matrices = (weight for weight in self.weights(inputs) if weight.name.startswith("weight"))
        return math.prod(inputs[0][1:]) * sum(weight.count for weight in matrices)


@op("lstm")
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997)."""

    gates = 4
    examples: ClassVar[tuple[Example, ...]] = (
        Example("lstm 2", ((3, 4),)),
        Example("lstm 2 both", ((2, 3),)),
        Example("lstm 2 layers2 both nobias", ((2, 3),)),
        Example("lstm 2 along2", ((3, 2, 4),)),
    )


@op("gru")
class GRU(Recurrent):
    """Gated recurrent unit (arXiv 1406.1078)."""

    gates = 3
    examples: ClassVar[tuple[Example, ...]] = (Example("gru 2", ((3, 4),)), Example("gru 2 both nobias", ((2, 3),)))
