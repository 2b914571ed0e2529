"""The part of the document about reads: which indices of an input axis an output index reads."""

from __future__ import annotations

from typing import Literal

from convscope.explorer.struct import Struct


class Window(Struct, frozen=True, tag_field="kind", tag="window"):
    """Output ``o`` reads ``stride*o - lo + dilation*t``, ``0 <= t < kernel``, on the input stretched ``up``-fold.

    Attributes:
        follows: the output axis.
        size: number of input indices.
        kernel: number of taps.
        stride: input steps for one output step.
        dilation: input steps between taps.
        lo: padding before the first index; negative values crop.
        hi: padding after the last index.
        up: stretch factor: ``up - 1`` zeros lie between neighbours.
        edge: what lies beyond the input: nothing (``zero``; ``apart``, which does not continue the input), the border
            pixel (``clamp``), the mirrored input (``reflect``), or the opposite end (``wrap``).
    """

    follows: int
    size: int
    kernel: int
    stride: int
    dilation: int
    lo: int
    hi: int
    up: int
    edge: Literal["zero", "apart", "clamp", "reflect", "wrap"]


class Table(Struct, frozen=True, tag_field="kind", tag="table"):
    """Output ``o`` reads ``first[o] .. last[o]``, inclusive; nothing if ``first[o] > last[o]``.

    Attributes:
        follows: the output axis.
        size: number of input indices.
        extent: number of output indices.
        first: an index for each output.
        last: likewise.
    """

    follows: int
    size: int
    extent: int
    first: tuple[int, ...]
    last: tuple[int, ...]


class Blocks(Struct, frozen=True, tag_field="kind", tag="blocks"):
    """Output ``o`` reads ``width`` indices from ``floor(o / run) % turn * step + shift``, those within the input.

    The compact form of large tables: groups of channels, parts of a concatenation, the axes of a flattened map.

    Attributes:
        follows: the output axis.
        size: number of input indices.
        extent: number of output indices.
        run: successive outputs that read the same indices.
        turn: after this number of runs it begins again; null if it never does.
        step: input indices from one run to the next.
        shift: first index of output 0.
        width: number of indices that an output reads.
    """

    follows: int
    size: int
    extent: int
    run: int
    turn: int | None
    step: int
    shift: int
    width: int


class All(Struct, frozen=True, tag_field="kind", tag="all"):
    """Every one of ``extent`` outputs reads every one of ``size`` inputs.

    Attributes:
        follows: the output axis.
        size: number of input indices.
        extent: number of output indices.
        bound: whether this is only an upper bound: a table that is too large for the document.
    """

    follows: int
    size: int
    extent: int
    bound: bool


Read = Window | Table | Blocks | All
"""Which indices of an input axis an output index reads."""
