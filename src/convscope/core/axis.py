"""Reads: which input indices an output index reads along one axis.

An op states this once for each axis of each input; shapes, receptive fields and all other geometry derive from it.
Three kinds of read are enough: :class:`Window` (convolution, pooling, padding, cropping, striding, nearest
up-sampling), :class:`Table` (channel groups, concatenation, flattening) and :class:`All` (linear layers, global
pooling). Each answers ``size`` (input indices), ``extent`` (output indices) and ``pull`` (outputs -> inputs read).

Index sets are sorted integer arrays without repeats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend
from convscope.core.runs import Runs, progressions, runs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    Indices = NDArray[np.intp]

EMPTY: Indices = np.arange(0)

EMPTY_EDGES = ("zero", "apart")
"""The edges beyond which nothing is read."""


@dataclass(frozen=True)
class Window:
    """Output ``o`` reads ``stride*o - lo + dilation*t``, ``0 <= t < kernel``, on the input stretched ``up``-fold.

    Stretching puts ``up - 1`` zeros between neighbours, as a transposed convolution does. Negative ``lo`` or ``hi``
    crop. ``edge`` says what lies beyond the input: ``zero`` depends on nothing; ``clamp`` repeats the border,
    ``reflect`` mirrors at it, ``wrap`` continues at the opposite end. ``apart`` depends on nothing either, and does not
    continue the input, like class tokens.

    Attributes:
        size: number of input indices.
        kernel: number of taps.
        stride: input steps for one output step.
        dilation: input steps between taps.
        lo: padding before the first index.
        hi: padding after the last index.
        up: stretch factor.
        edge: what lies beyond.

    A 3-tap window with stride 2 and padding 1 on 7 indices gives 4 outputs; output 1 reads 1, 2 and 3:

    >>> w = Window(7, kernel=3, stride=2, lo=1, hi=1)
    >>> w.extent, w.pull(np.array([1])).tolist(), w.pull(np.array([0])).tolist()
    (4, [1, 2, 3], [0, 1])
    """

    size: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    lo: int = 0
    hi: int = 0
    up: int = 1
    edge: str = "zero"

    @property
    def span(self) -> int:
        """The number of input steps from the first tap to the last, inclusive: ``dilation*(kernel-1) + 1``."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def extent(self) -> int:
        """The number of output indices; zero or negative if the window does not fit."""
        stretched = (self.size - 1) * self.up + 1
        return (stretched + self.lo + self.hi - self.span) // self.stride + 1

    def hits(self, starts: Indices) -> tuple[Indices, int]:
        """Return the first tap that meets an input index and not a filling zero, -1 for none, and the step to the next.

        Tap ``t`` of a window that starts at ``a`` meets one if ``a + dilation*t`` is a multiple of ``up``.

        >>> Window(4, kernel=4, up=3).hits(np.array([0, 1, 2]))
        (array([0, 2, 1]), 3)
        """
        common = math.gcd(self.dilation, self.up)
        step = self.up // common
        first = -(starts // common) * pow(self.dilation // common, -1, step) % step
        return np.where((starts % common == 0) & (first < self.kernel), first, -1), step

    def _joins(self, outputs: Indices) -> bool:
        """Return whether the windows of these outputs leave no gap between them."""
        return len(outputs) == 1 or (
            self.kernel >= self.stride and int(outputs[-1]) - int(outputs[0]) == len(outputs) - 1
        )

    def pull(self, outputs: Indices) -> Indices:
        """Return the input indices that any of ``outputs`` reads."""
        if self == Window(self.size) or not len(outputs):
            return outputs
        starts = self.stride * outputs - self.lo
        if self.up == self.dilation == 1 and self.edge in EMPTY_EDGES and self._joins(outputs):
            return Runs(starts[:1], starts[-1:] + self.kernel).within(self.size).listed()
        first, step = self.hits(starts)
        some = first >= 0
        begins = (starts[some] + self.dilation * first[some]) // self.up
        counts = (self.kernel - 1 - first[some]) // step + 1
        between = self.dilation * step // self.up
        if self.edge in EMPTY_EDGES:
            return progressions(begins, counts, between, self.size)
        return np.unique(beyond_each(progressions(begins, counts, between), self.size, self.edge)[0])


def beyond_each(indices: Indices, size: int, edge: str) -> tuple[Indices, NDArray[np.bool_]]:
    """Map indices beyond the borders back by the rule of the edge; also return which of them are read at all.

    >>> [beyond_each(np.array([-2, 0, 4]), 4, edge)[0].tolist() for edge in ("clamp", "reflect", "wrap")]
    [[0, 0, 3], [2, 0, 2], [2, 0, 0]]
    >>> beyond_each(np.array([-2, 0, 4]), 4, "zero")[1].tolist()
    [False, True, False]
    """
    if edge in EMPTY_EDGES:
        inside = (indices >= 0) & (indices < size)
        return np.where(inside, indices, 0), inside
    every = np.ones(indices.shape, dtype=np.bool_)
    if edge == "clamp":
        return np.clip(indices, 0, size - 1), every
    if edge == "wrap":
        return indices % size, every
    folded = np.abs(indices) % max(1, 2 * size - 2)
    return np.minimum(folded, 2 * size - 2 - folded), every


COMPARED = 1024
"""The most outputs of a table that is compared with others by the reads of each."""


@dataclass(frozen=True, eq=False)
class Table:
    """Output ``o`` reads ``first .. last``, inclusive; nothing if ``first > last``.

    The ends are a function of the outputs and not a stored list, since a flattened map has millions of outputs.

    Attributes:
        size: number of input indices.
        extent: number of output indices.
        width: the most input indices that one output reads.
        ends: outputs -> (first, last); with ``turn``, also beyond the input.
        turn: period ``(outputs, inputs)`` of the ranges; None if they are not periodic.
        edge: what lies beyond the input, as for a window.
        blocks: ``(outputs, inputs, shift)`` if ``first`` is ``o // outputs * inputs + shift``, ``last`` is ``width -
            1`` more, and nothing beyond the input is read; otherwise None.
        flows: whether neighbours read ascending ranges without a gap between them.

    Two groups over four channels, with one output each:

    >>> t = Table(4, extent=2, width=2, ends=lambda o: (2 * o, 2 * o + 1))
    >>> t.pull(np.array([1])).tolist()
    [2, 3]
    """

    size: int
    extent: int
    width: int
    ends: Callable[[Indices], tuple[Indices, Indices]]
    turn: tuple[int, int] | None = None
    edge: str = "zero"
    blocks: tuple[int, int, int] | None = None
    flows: bool = False

    @property
    def one_to_one(self) -> bool:
        """Return whether every output reads the input of its own number."""
        return self.blocks == (1, 1, 0) and self.width == 1 and self.size == self.extent and self.edge == "zero"

    def content(self) -> Hashable:
        """A key that is equal for tables with equal reads, if they are short enough to be compared."""
        outputs = max(self.extent, self.turn[0] if self.turn else 0)
        if outputs > COMPARED:
            return id(self)
        ends = self.ends(np.arange(outputs))
        return self.size, self.extent, self.turn, *(side.astype(np.int64).tobytes() for side in ends)

    def pull(self, outputs: Indices) -> Indices:
        """Return the input indices that any of ``outputs`` reads."""
        return self.pulled(outputs).listed()

    def pulled(self, outputs: Indices) -> Runs:
        """Return the same as runs of neighbours."""
        spend(0, elements=16 * len(outputs))
        first, last = self.ends(outputs)
        if self.edge == "clamp":
            first, last = np.clip(first, 0, self.size - 1), np.clip(last, 0, self.size - 1)
        return runs_of(first, last + 1).within(self.size)


@dataclass(frozen=True)
class All:
    """Every one of ``extent`` outputs reads every one of ``size`` inputs.

    >>> All(3, extent=10).pull(np.array([7])).tolist()
    [0, 1, 2]
    """

    size: int
    extent: int

    def pull(self, outputs: Indices) -> Indices:
        """Return all inputs, unless there is no output."""
        return np.arange(self.size) if len(outputs) else EMPTY


Relation = Window | Table | All


@dataclass(frozen=True)
class Read:
    """One input axis: the output axis that it follows, and how."""

    follows: int
    relation: Relation
