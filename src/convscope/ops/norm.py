"""Normalisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import All, Read, Window
from convscope.core.op import Example, Free, Op, Weight, along, op, setting
from convscope.core.spell import Count, Flag, Real
from convscope.errors import ShapeError
from convscope.ops.groups import group_reads

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape

EPS = 1e-5
"""Default term added to a variance (torch's default)."""


def _check_groups(groups: int, shape: Shape) -> None:
    if shape[0] % groups:
        raise ShapeError(f"groups={groups} does not divide the {shape[0]} channels")


@op("bn")
class BatchNorm(Op):
    """``x: c h w -> y: c h w``, each channel by its running mean and variance, then scaled and shifted.

    It has two parameters per channel; running statistics are stored, not learned, and do not count as parameters.

    >>> sum(w.count for w in BatchNorm().weights(((16, 26, 26),)) if w.trained)
    32
    """

    affine: bool = setting(Flag("noaffine", means=False), default=True)
    eps: float = setting(Real("e"), default=EPS)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("bn", ((3, 4, 5),)),
        Example("bn noaffine", ((2, 6),)),
        Example("bn", ((5,),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

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
            Weight("num_batches_tracked", (), trained=False, dtype="int64"),
        )
        return learned + stored

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- norms count no MACs
        """Return None, by the convention of this project."""
        return 0


def _scale_and_shift(shape: Shape) -> tuple[Weight, ...]:
    return (Weight("weight", shape[:1]), Weight("bias", shape[:1]))


@op("gn")
class GroupNorm(Op):
    """``x: c h w -> y: c h w``, each group of channels by its own mean and variance over the map (arXiv 1803.08494)."""

    groups: int = setting(Count())
    affine: bool = setting(Flag("noaffine", means=False), default=True)
    eps: float = setting(Real("e"), default=EPS)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("gn 2", ((4, 3, 2),)),
        Example("gn 1 noaffine", ((3, 4),)),
        Example("gn 3", ((3, 2, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check_groups(self.groups, inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)

    def statistics(self, inputs: tuple[Shape, ...]) -> tuple[Read, ...]:
        """Read the group over the entire map."""
        channels = group_reads(inputs[0][0], inputs[0][0], self.groups)
        return (Read(0, channels), *(Read(axis, All(n, n)) for axis, n in enumerate(inputs[0][1:], 1)))

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        return _scale_and_shift(inputs[0]) if self.affine else ()

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- norms count no MACs
        """Return None, by the convention of this project."""
        return 0


@op("instnorm")
class InstanceNorm(Op):
    """``x: c h w -> y: c h w``, each channel by its own mean and variance over the map (arXiv 1607.08022)."""

    affine: bool = setting(Flag("affine", means=True), default=False)
    eps: float = setting(Real("e"), default=EPS)

    examples: ClassVar[tuple[Example, ...]] = (Example("instnorm", ((2, 3, 2),)), Example("instnorm affine", ((3, 4),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if math.prod(inputs[0][1:]) < 2:
            raise ShapeError("a map with a single position has no variance", expected="a larger map")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (along(inputs[0]),)

    def statistics(self, inputs: tuple[Shape, ...]) -> tuple[Read, ...]:
        """Read the channel over the entire map."""
        return (along(inputs[0])[0], *(Read(axis, All(n, n)) for axis, n in enumerate(inputs[0][1:], 1)))

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        return _scale_and_shift(inputs[0]) if self.affine else ()

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- norms count no MACs
        """Return None, by the convention of this project."""
        return 0


@op("ln")
class LayerNorm(Op):
    """``x: c h w -> y: c h w``, each position by the mean and variance over its channels (as in ConvNeXt).

    With groups, it normalises each group of channels; all groups share their weights (the heads of an attention). A
    layer norm over channels and map at once is ``gn 1``.
    """

    affine: bool = setting(Flag("noaffine", means=False), default=True)
    groups: int = setting(Count("g"), default=1)
    eps: float = setting(Real("e"), default=EPS)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("ln", ((4, 3, 2),)),
        Example("ln noaffine", ((3, 4),)),
        Example("ln", ((5,),)),
        Example("ln g2 e0.001", ((6, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check_groups(self.groups, inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels = inputs[0][0]
        return ((Read(0, group_reads(channels, channels, self.groups)), *along(inputs[0])[1:]),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        return _scale_and_shift((inputs[0][0] // self.groups,)) if self.affine else ()

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- norms count no MACs
        """Return None, by the convention of this project."""
        return 0


@op("rmsnorm")
class RMSNorm(Op):
    """``x: c h w -> y: c h w``, each position by the root of the mean square over its channels (arXiv 1910.07467)."""

    affine: bool = setting(Flag("noaffine", means=False), default=True)
    groups: int = setting(Count("g"), default=1)
    eps: float = setting(Real("e"), default=EPS)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("rmsnorm", ((4, 3, 2),)),
        Example("rmsnorm noaffine g2 e0.01", ((4, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check_groups(self.groups, inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels = inputs[0][0]
        return ((Read(0, group_reads(channels, channels, self.groups)), *along(inputs[0])[1:]),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        return _scale_and_shift((inputs[0][0] // self.groups,))[:1] if self.affine else ()

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- norms count no MACs
        """Return None, by the convention of this project."""
        return 0


@op("lrn")
class LocalResponseNorm(Free):
    """``x: c h w -> y: c h w``, divided by the energy of ``size`` neighbouring channels (Krizhevsky et al. 2012)."""

    size: int = setting(Count())
    alpha: float = setting(Real("alpha"), default=1e-4)
    beta: float = setting(Real("beta"), default=0.75)
    k: float = setting(Real("k"), default=1.0)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("lrn 3 alpha0.01 beta0.5 k2", ((5, 2, 2),)),
        Example("lrn 4", ((6, 2, 3),)),
        Example("lrn 5", ((3, 4),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Let channel ``o`` read ``o - size//2 .. o - size//2 + size - 1``."""
        before = self.size // 2
        channels = Window(inputs[0][0], self.size, lo=before, hi=self.size - 1 - before)
        return ((Read(0, channels), *along(inputs[0])[1:]),)
