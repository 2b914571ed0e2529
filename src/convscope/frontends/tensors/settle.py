"""Rearrangement of tensors for layers that need another order: the only place where it is recorded."""

from __future__ import annotations

import math
from itertools import count, pairwise, repeat
from typing import TYPE_CHECKING

from convscope.core.pattern import LETTERS
from convscope.errors import ShapeError
from convscope.frontends.tensors.values import REPEATED, Factor, Value, joined, length, whole
from convscope.ops.resize import Upsample
from convscope.ops.tensor import Rearrange
from convscope.ops.view import ChannelShuffle, Flatten, PixelShuffle, PixelUnshuffle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convscope.core.op import Op
    from convscope.core.shape import Shape
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Dim, Dims


def parts(shape: Shape, factors: Iterable[Factor]) -> Dims:
    """Return the factors of each axis of a layer, most significant first, split like the given factors."""
    cuts: list[set[int]] = [{1, size} for size in shape]
    for factor in factors:
        if factor.axis != REPEATED:
            cuts[factor.axis] |= {factor.step, factor.step * factor.size}
    return tuple(_between(axis, sorted(steps)) for axis, steps in enumerate(cuts))


def _between(axis: int, steps: list[int]) -> Dim:
    pairs = pairwise(steps)
    if any(high % low for low, high in pairwise(steps)):
        raise ShapeError("a tensor is split in two incompatible ways")
    return tuple(reversed([Factor(axis, high // low, low) for low, high in pairs]))


def fine(factors: Iterable[Factor], axes: Dims) -> Dim:
    """Return factors, split like the axes."""
    found: list[Factor] = []
    for factor in factors:
        if factor.axis == REPEATED:
            found.append(factor)
            continue
        top = factor.step * factor.size
        mine = [part for part in axes[factor.axis] if factor.step <= part.step and part.step * part.size <= top]
        assert length(tuple(mine)) == factor.size, "the axes are cut where the factors are"
        found += mine
    return tuple(found)


class Spelling:
    """Letters for the factors of layers in one pattern."""

    def __init__(self) -> None:
        self.letters: dict[tuple[int, Factor], str] = {}
        self.stated: set[str] = set()
        self.taken: int = 0

    def new(self) -> str:
        """Return an unused letter."""
        if self.taken == len(LETTERS):
            raise ShapeError("a tensor has too many factors for a pattern")
        self.taken += 1
        return LETTERS[self.taken - 1]

    def letter(self, source: int, factor: Factor) -> str:
        """Return the letter of a factor of one of the inputs."""
        key = source, factor
        if key not in self.letters:
            self.letters[key] = self.new()
        return self.letters[key]

    def same(self, source: int, factor: Factor, letter: str) -> None:
        """Assign the letter of another factor to a factor."""
        self.letters[source, factor] = letter

    def axes(self, axes: Iterable[Iterable[tuple[str, int]]]) -> str:
        """Write axes of letters, with the size at the first use of each letter."""
        return "x".join("".join(self._word(letter, size) for letter, size in axis) or "1" for axis in axes)

    def _word(self, letter: str, size: int) -> str:
        if letter in self.stated:
            return letter
        self.stated.add(letter)
        return f"{letter}{size}"


def is_whole(value: Value, axis: int, dim: Dim) -> bool:
    """Return whether a dimension is exactly an axis of the layer."""
    size = value.shape[axis] if axis < len(value.shape) else 1
    if len(dim) != 1:
        return not dim and size == 1
    return dim[0].axis == axis and dim[0].size == size


def settled(builder: Builder, value: Value, groups: Sequence[Dim]) -> Value:
    """Return the tensor as the output of a layer whose axes are the given groups of its factors, in that order.

    Every factor of the tensor is in one group. A layer is added if the tensor's own has other axes.
    """
    if len(groups) == len(value.shape) and all(map(is_whole, repeat(value), count(), groups)):
        return value
    groups = tuple(joined(group) for group in groups)
    if math.prod(factor.size for group in groups for factor in group if factor.axis != REPEATED) != math.prod(
        value.shape
    ):
        raise ShapeError("the rearrangement would drop part of a tensor")
    shape = tuple(map(length, groups))
    op = _named(value, groups) or _general(value, groups)
    made = builder.emit(op, [value.node], between=True)
    assert made.shape == shape
    position: dict[Factor, Factor] = {}
    axes = parts(value.shape, (factor for some in (*groups, *value.dims) for factor in some))
    for axis, group in enumerate(groups):
        step = length(group)
        for factor in fine(group, axes):
            step //= factor.size
            position[factor] = Factor(axis, factor.size, step)
    dims = tuple(joined(position[factor] for factor in fine(dim, axes)) for dim in value.dims)
    return Value(made.node, made.shape, dims)


def _general(value: Value, groups: Dims) -> Op:
    axes = parts(value.shape, (factor for group in groups for factor in group))
    spelling = Spelling()
    before = spelling.axes([[(spelling.letter(0, factor), factor.size) for factor in axis] for axis in axes])
    after = spelling.axes(
        [
            [(spelling.new() if d.axis == REPEATED else spelling.letter(0, d), d.size) for d in fine(group, axes)]
            for group in groups
        ]
    )
    return Rearrange(f"{before}:{after}")


def _named(value: Value, groups: Dims) -> Op | None:
    """Return the named op for this rearrangement, if there is one."""
    axes = whole(value.shape)
    flat = joined(factor for axis in axes for factor in axis)
    if len(groups) == 1 and groups[0] == flat:
        return Flatten()
    if len(groups) != len(value.shape):
        return None
    if len(groups) == 3:
        found = _pixels(value.shape, groups)
        if found:
            return found
    rest = all(group == axis for group, axis in zip(groups[1:], axes[1:], strict=True))
    if rest and len(groups[0]) == 2 and groups[0][0].step == 1 and groups[0][0].axis == groups[0][1].axis == 0:
        return ChannelShuffle(groups[0][1].size)
    spread = [length(group) // max(1, size) for group, size in zip(groups, value.shape, strict=True)]
    if groups[0] == axes[0] and all(
        group == (*axis, *([Factor(REPEATED, times, group[-1].step)] if times > 1 else []))
        for group, axis, times in zip(groups[1:], axes[1:], spread[1:], strict=True)
    ):
        return Upsample(tuple(spread[1:]))
    return None


def _pixels(shape: Shape, groups: Dims) -> Op | None:
    """Recognise space to depth or depth to space."""
    channels, height, width = shape
    rows, columns = groups[1:]
    if len(rows) == len(columns) == 2 and rows[1].axis == columns[1].axis == 0:
        f = rows[1].size
        block = Factor(0, channels // (f * f), f * f) if channels > f * f else None
        mine = (
            (*([block] if block else []),),
            (Factor(1, height, 1), Factor(0, f, f)),
            (Factor(2, width, 1), Factor(0, f, 1)),
        )
        if tuple(map(tuple, groups)) == mine:
            return PixelShuffle(f)
    first = groups[0]
    if (
        len(first) in {2, 3}
        and first[-1].axis == 2
        and first[-2].axis == 1
        and math.prod(shape) == math.prod(map(length, groups))
    ):
        f = first[-1].size
        whole_channels = (Factor(0, channels, 1),) if channels > 1 else ()
        mine_first = (*whole_channels, Factor(1, f, 1), Factor(2, f, 1))
        positions = tuple((Factor(axis, size // f, f),) if size > f else () for axis, size in ((1, height), (2, width)))
        if tuple(first) == mine_first and (rows, columns) == positions:
            return PixelUnshuffle(f)
    return None


def spatial(value: Value, dims: Iterable[int]) -> bool:
    """Return whether all factors of some dimensions are parts of spatial axes."""
    return all(factor.axis > 0 for at in dims for factor in value.dims[at])


def by_axis(value: Value) -> list[list[Factor]]:
    """Group the factors of a tensor by the axis of the layer, most significant first; repetitions are further axes."""
    factors = sorted((d for dim in value.dims for d in dim if d.axis != REPEATED), key=lambda d: -d.step)
    axes: list[list[Factor]] = [
        [factor for factor in factors if factor.axis == axis] for axis in range(len(value.shape))
    ]
    axes += [[factor] for dim in value.dims for factor in dim if factor.axis == REPEATED]
    return axes


def plain(builder: Builder, value: Value) -> Value:
    """Return the tensor as the output of a layer whose axes are its dimensions in order, without a unit batch."""
    return settled(builder, value, few([dim for at, dim in enumerate(value.dims) if dim or at] or [()]))


def few(groups: Sequence[Dim]) -> list[Dim]:
    """Join surplus groups, since a layer has channels and at most three spatial axes."""
    channels, *positions = groups
    if len(positions) > 3:
        positions = [group for group in positions if group]
    found = [channels, *positions]
    while len(found) > 4:
        found = [*found[:-2], (*found[-2], *found[-1])]
    return found


def without_repeats(builder: Builder, value: Value) -> Value:
    """Record the repetitions of a tensor along its own axes, after the repeated parts."""
    if all(factor.axis != REPEATED for dim in value.dims for factor in dim):
        return value
    groups: list[list[Factor]] = [list(axis) for axis in by_axis(value)[: len(value.shape)]]
    fresh: list[list[Factor]] = []
    for dim in value.dims:
        at = next((factor.axis for factor in dim if factor.axis != REPEATED), None)
        for factor in (factor for factor in dim if factor.axis == REPEATED):
            if at is None:
                fresh.append([factor])
            else:
                groups[at].append(factor)
    empty = [axis for axis, group in enumerate(groups) if not group and axis]
    for group in fresh:
        if empty:
            groups[empty.pop(0)] = group
        else:
            groups.append(group)
    return settled(builder, value, few([tuple(group) for group in groups]))
