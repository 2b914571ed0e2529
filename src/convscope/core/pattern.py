"""Axes as products of letters: rearranging, reducing or contracting tensors, as in einops.

``a3b2xc7xd7:baxcxd`` means: an input of three axes, channels first, whose channels are 3 times 2 and whose map is 7 by
7; in the output, the two parts of the channels are swapped. Letters have a size at their first use; an axis of length 1
is written ``1``. A letter that the output omits is reduced, one that it adds is repeated.

The shapes and the read of each input axis follow from the letters.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from convscope.core.axis import All, Read, Table, Window
from convscope.core.shape import MAX_INT
from convscope.errors import FieldError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.axis import Indices, Relation
    from convscope.core.shape import Shape

LETTERS = "abcdefghijklmnopqrstuvwyz"
"""All letters but x, which separates axes."""

_AXIS = re.compile(r"1|([a-wyz][0-9]*)+")
_LETTER = re.compile(r"([a-wyz])([0-9]*)")

Axes = tuple[str, ...]
"""The letters of each axis; an empty string is an axis of length 1."""


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern.

    Attributes:
        parts: the axes of every input, then of the output.
        sizes: the size of each letter.
    """

    parts: tuple[Axes, ...]
    sizes: dict[str, int]

    @property
    def inputs(self) -> tuple[Axes, ...]:
        """The axes of the inputs."""
        return self.parts[:-1]

    @property
    def output(self) -> Axes:
        """The axes of the output."""
        return self.parts[-1]

    def size(self, letters: str | Sequence[str]) -> int:
        """Return the product of the sizes of letters."""
        return math.prod(self.sizes[letter] for letter in letters)

    def shape(self, axes: Axes) -> Shape:
        """Return the lengths of axes."""
        return tuple(map(self.size, axes))

    def letters(self, axes: Axes) -> tuple[str, ...]:
        """Return all letters of axes, in order."""
        return tuple("".join(axes))

    def dropped(self) -> str:
        """The letters of inputs that the output lacks."""
        kept = set("".join(self.output))
        return "".join(dict.fromkeys(letter for axes in self.inputs for letter in "".join(axes) if letter not in kept))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Raise ShapeError unless these are the shapes of the inputs."""
        for axes, shape in zip(self.inputs, inputs, strict=False):
            if self.shape(axes) != shape:
                raise ShapeError(
                    f"the pattern is for {'x'.join(map(str, self.shape(axes)))}, channels first, "
                    f"but the input is {'x'.join(map(str, shape))}"
                )

    def reads(self, number: int) -> tuple[Read, ...]:
        """Return, for each axis of one input, the output axis that it follows, and how."""
        return tuple(self._read(axis, at) for at, axis in enumerate(self.inputs[number]))

    def _read(self, axis: str, at: int) -> Read:
        """The first letter that stays determines the axis that is followed; letters that go to other axes are free.

        If there is a choice, channels stay channels and positions stay positions.
        """
        hosts = [position for letter in axis for position, out in enumerate(self.output) if letter in out]
        alike = [position for position in hosts if (position == 0) == (at == 0)]
        follows = (alike or hosts or [0])[0]
        return Read(follows, self._relation(axis, self.output[follows]))

    def _relation(self, axis: str, follow: str) -> Relation:
        kept = "".join(letter for letter in axis if letter in follow)
        free = "".join(letter for letter in axis if letter not in follow)
        size, extent = self.size(axis), self.size(follow)
        if not kept:
            return Window(size) if size == extent == 1 else All(size, extent)
        if axis == follow:
            return Window(size)
        if kept == follow:
            if axis == kept + free:
                return Window(size, kernel=self.size(free), stride=self.size(free))
            if axis == free + kept:
                return Window(size, kernel=self.size(free), dilation=self.size(kept))
        if follow.startswith(axis):
            times = extent // size
            return Window(size, kernel=times, lo=times - 1, hi=times - 1, up=times)
        return self._table(axis, follow, size, extent)

    def _table(self, axis: str, follow: str, size: int, extent: int) -> Table:
        factors = [
            (self.size(follow[follow.index(letter) + 1 :]), self.sizes[letter], self.size(axis[at + 1 :]))
            for at, letter in enumerate(axis)
            if letter in follow
        ]
        reach = sum(
            (self.sizes[letter] - 1) * self.size(axis[at + 1 :])
            for at, letter in enumerate(axis)
            if letter not in follow
        )

        def ends(o: Indices) -> tuple[Indices, Indices]:
            first = np.zeros_like(o)
            for step, count, inner in factors:
                first = first + o // step % count * inner
            return first, first + reach

        lead = self.sizes[axis[0]]
        turn = (extent // lead, size // lead) if axis[0] == follow[0] else None
        whole = len(factors) == 1 and factors[0][0] * factors[0][1] == extent
        return Table(size, extent, reach + 1, ends, turn, blocks=(factors[0][0], factors[0][2], 0) if whole else None)

    def hull(self, inputs: int = 1) -> str:
        """Return how far the reads of the first inputs exceed what is read; see :meth:`convscope.core.op.Op.hull`."""
        found = {self._axis_hull(axis, at) for axes in self.parts[:inputs] for at, axis in enumerate(axes)}
        return next((hull for hull in ("positions", "channels") if hull in found), "")

    def _axis_hull(self, axis: str, at: int) -> str:
        read = self._read(axis, at)
        hosts = {position for letter in axis for position, out in enumerate(self.output) if letter in out}
        if isinstance(read.relation, Table) and not self._dense(axis, self.output[read.follows]):
            return "positions" if at else "channels"
        if len(hosts - {read.follows}) == 0:
            return ""
        return "channels" if at == 0 or hosts - {read.follows} == {0} else "positions"

    def _dense(self, axis: str, follow: str) -> bool:
        """Return whether an output reads no gaps: the free letters are the last ones of the axis."""
        free = [letter not in follow for letter in axis]
        return free == sorted(free)


@lru_cache(maxsize=4096)
def parse(text: str, parts: int) -> Pattern:
    """Parse a pattern with a number of parts.

    Raises:
        FieldError: the text has another form.

    >>> parse("a3b2xc7:baxc", 2).shape(("ba", "c"))
    (6, 7)
    """
    found = text.split(":")
    if len(found) != parts:
        raise FieldError(f'"{text}" has {len(found)} parts', expected=f"{parts} parts separated by colons")
    sizes: dict[str, int] = {}
    read = tuple(tuple(_axis(axis, sizes, text) for axis in part.split("x")) for part in found)
    for axes in read:
        letters = "".join(axes)
        if len(set(letters)) < len(letters):
            raise FieldError(f'"{text}" uses a letter twice in one part', expected="each letter at most once in a part")
    return Pattern(read, sizes)


@lru_cache(maxsize=4096)
def hull(text: str, parts: int, inputs: int = 1) -> str:
    """See :meth:`Pattern.hull`.

    >>> hull("a3b2xc7:baxc", 2)
    ''
    """
    return parse(text, parts).hull(inputs)


def _axis(word: str, sizes: dict[str, int], text: str) -> str:
    if not _AXIS.fullmatch(word):
        raise FieldError(f'"{text}" is not a pattern', expected="letters with sizes, such as a3b2xc7:baxc")
    if word == "1":
        return ""
    letters = _LETTER.findall(word)
    for letter, factors in letters:
        size = int(factors[:12]) if factors else sizes.get(letter, 0)
        if not 1 <= size <= MAX_INT or sizes.setdefault(letter, size) != size:
            raise FieldError(
                f'"{text}": {letter} has no size, or two sizes', expected="a size where a letter is first used"
            )
    return "".join(letter for letter, _ in letters)
