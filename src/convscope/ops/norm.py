"""Normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.op import Example, Op, Weight, along, op, setting
from convscope.core.spell import Flag

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("bn")
class BatchNorm(Op):
    """``x: c h w -> y: c h w``, each channel by its running mean and variance, then scaled and shifted.

    Two learned numbers a channel; the running statistics are stored, not learned, and not counted as parameters.

    >>> sum(w.count for w in BatchNorm().weights(((16, 26, 26),)) if w.trained)
    32
    """

    affine: bool = setting(Flag("noaffine", means=False), default=True)

    examples = (Example("bn", ((3, 4, 5),)), Example("bn noaffine", ((2, 6),)), Example("bn", ((5,),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Every input fits."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`; the statistics are constants when the net is used."""
        return (along(inputs[0]),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        channels = inputs[0][:1]
        learned = (Weight("weight", channels), Weight("bias", channels)) if self.affine else ()
        stored = (
            Weight("running_mean", channels, trained=False),
            Weight("running_var", channels, trained=False),
            Weight("num_batches_tracked", (), trained=False),
        )
        return learned + stored

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- norms count no MACs
        """None, by the convention of this project."""
        return 0
