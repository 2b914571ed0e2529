"""Kinds of fields: how the fields of an op are written, checked and spread over the spatial axes.

A field's kind knows which words of the notation are its own (``match``), how a value is written (``word``), and which
values are allowed (``validate``). The notation's reader and writer, the checks for Python callers and the documentation
all derive from the kinds; no op parses or prints its own fields.
"""

from __future__ import annotations

import math
import re
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeVar

from convscope.core.shape import MAX_INT, joined, parse_numbers
from convscope.errors import FieldError, ShapeError

PerAxis = tuple[int, ...]
Pads = tuple[tuple[int, int], ...] | str

_DIGIT = re.compile(r"[0-9]")
_NUMBER = re.compile(r"-?\.?[0-9]")
_REAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", re.ASCII)


class Kind(ABC):
    """A kind of field."""

    @property
    @abstractmethod
    def marked(self) -> bool:
        """Whether its words begin with a letter; an unmarked kind is identified by its position."""

    @abstractmethod
    def match(self, word: str) -> Any:
        """Return the value of ``word``, or None if the word is not this field's."""

    @abstractmethod
    def word(self, value: Any) -> str:
        """Return the word for ``value``; ``match(word(value)) == value``."""

    @abstractmethod
    def validate(self, name: str, value: Any) -> None:
        """Raise FieldError unless ``value`` is valid for the field ``name``."""

    @abstractmethod
    def spread(self, name: str, value: Any, rank: int) -> Any:
        """Return ``value`` with one entry for each of ``rank`` spatial axes, if the kind has entries."""

    @abstractmethod
    def usage(self, name: str) -> str:
        """Return the word for documentation, such as ``s2``."""


def _own(prefix: str, word: str) -> str:
    """Return the text after the prefix, if that is followed by a digit."""
    rest = word.removeprefix(prefix)
    return rest if word.startswith(prefix) and _DIGIT.match(rest) else ""


def whole_number(name: str, value: Any, minimum: int) -> None:
    """Raise FieldError unless this integer is valid for the field ``name``."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_INT:
        raise FieldError(f"{name}={value}", expected=f"an integer from {minimum} to 2,147,483,648")


@dataclass(frozen=True)
class Count(Kind):
    """An integer: channels, groups.

    >>> Count("g").match("g4"), Count("g").match("s2"), Count("g").word(4)
    (4, None, 'g4')
    """

    prefix: str = ""
    minimum: int = 1

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return bool(self.prefix)

    def match(self, word: str) -> int | None:
        """See :class:`Kind`."""
        rest = _own(self.prefix, word)
        if not rest:
            return None
        numbers = parse_numbers(rest)
        if len(numbers) > 1:
            raise FieldError(f'"{word}" is not a single integer', expected="one integer")
        return numbers[0]

    def word(self, value: int) -> str:
        """See :class:`Kind`."""
        return f"{self.prefix}{value}"

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        whole_number(name, value, self.minimum)

    def spread(self, name: str, value: int, rank: int) -> int:  # noqa: ARG002 -- not one number an axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:
        """See :class:`Kind`."""
        return f"{self.prefix}{'N' if self.prefix else name.upper()}"


_T = TypeVar("_T")


def _spread(name: str, value: tuple[_T, ...], rank: int) -> tuple[_T, ...]:
    if not rank:
        raise ShapeError(
            f"{name} needs a spatial axis, but the input has only channels", expected="a map, such as 28x28x1"
        )
    if len(value) == 1:
        return value * rank
    if len(value) != rank:
        axes = "axis" if rank == 1 else "axes"
        raise ShapeError(
            f"{name} has {len(value)} axes, but the input has {rank} spatial {axes}",
            expected="one number, or one per spatial axis, in the order height x width",
        )
    return value


@dataclass(frozen=True)
class Sizes(Kind):
    """An integer for each spatial axis, or one for all: kernel, stride, dilation.

    Args:
        prefix: the letter before the numbers.
        minimum: the smallest value.
        like: the field that gives the default value (a pool's stride is its kernel).

    >>> Sizes("s").match("s2x1"), Sizes("s").word((2, 1)), Sizes("s").spread("stride", (2,), 3)
    ((2, 1), 's2x1', (2, 2, 2))
    """

    prefix: str = ""
    minimum: int = 1
    like: str = ""

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return bool(self.prefix)

    def match(self, word: str) -> PerAxis | None:
        """See :class:`Kind`."""
        rest = _own(self.prefix, word)
        return parse_numbers(rest) if rest else None

    def word(self, value: PerAxis) -> str:
        """See :class:`Kind`."""
        return f"{self.prefix}{joined(value[:1] if self.prefix and len(set(value)) == 1 else value)}"

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if not isinstance(value, tuple) or not (value or self.like):
            raise FieldError(f"{name}={value!r}", expected="a tuple with one integer per axis")
        for entry in value:
            whole_number(name, entry, self.minimum)

    def spread(self, name: str, value: PerAxis, rank: int) -> PerAxis:
        """See :class:`Kind`."""
        return _spread(name, value, rank)

    def usage(self, name: str) -> str:
        """See :class:`Kind`."""
        return f"{self.prefix}{'N' if self.prefix else name.upper()}"


@dataclass(frozen=True)
class Padding(Kind):
    """Padding before and after each axis, or the word ``same``.

    ``p1`` pads every side by 1, ``p1x0`` pads the rows only, ``p0:1x0:1`` pads after each axis only.

    >>> Padding().match("p0:1x2"), Padding().word(((0, 1), (2, 2))), Padding().match("same")
    (((0, 1), (2, 2)), 'p0:1x2', 'same')
    """

    prefix: str = "p"
    same: bool = True

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return bool(self.prefix)

    def match(self, word: str) -> Pads | None:
        """See :class:`Kind`."""
        if self.same and word in ("same", "valid"):
            return word if word == "same" else ((0, 0),)
        rest = _own(self.prefix, word)
        return tuple(self._pair(part) for part in rest.split("x")) if rest else None

    @staticmethod
    def _pair(part: str) -> tuple[int, int]:
        numbers = [parse_numbers(side)[0] for side in part.split(":")]
        if len(numbers) > 2:
            raise FieldError(f'"{part}" has {len(numbers)} sides, not two', expected="before:after, such as 0:1")
        return numbers[0], numbers[-1]

    def word(self, value: Pads) -> str:
        """See :class:`Kind`."""
        if isinstance(value, str):
            return value
        sides = value[:1] if len(set(value)) == 1 else value
        return self.prefix + joined(lo if lo == hi else f"{lo}:{hi}" for lo, hi in sides)

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if self.same and value == "same":
            return
        pairs = isinstance(value, tuple) and value and all(isinstance(p, tuple) and len(p) == 2 for p in value)
        if not pairs:
            raise FieldError(f"{name}={value!r}", expected='"same" or a tuple with (before, after) for each axis')
        for side in (side for pair in value for side in pair):
            whole_number(name, side, 0)

    def spread(self, name: str, value: Pads, rank: int) -> Pads:
        """See :class:`Kind`."""
        return value if isinstance(value, str) else _spread(name, value, rank)

    def usage(self, name: str) -> str:
        """See :class:`Kind`."""
        return f"{self.prefix}N|same" if self.same else f"{self.prefix}{name.upper()}"


@dataclass(frozen=True)
class Real(Kind):
    """A number: a slope, a probability, an exponent.

    >>> Real().match("0.1"), Real().word(0.1), Real().match("relu"), Real("e").match("e0.001")
    (0.1, '0.1', None, 0.001)
    """

    prefix: str = ""
    minimum: float = 0.0
    below: float = math.inf

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return bool(self.prefix)

    def match(self, word: str) -> float | None:
        """See :class:`Kind`."""
        rest = word.removeprefix(self.prefix)
        if not word.startswith(self.prefix) or not _NUMBER.match(rest):
            return None
        if not _REAL.fullmatch(rest):
            raise FieldError(f'"{word}" is not a number', expected="a number such as 0.1")
        return float(rest)

    def word(self, value: float) -> str:
        """See :class:`Kind`."""
        return self.prefix + repr(value).replace("e+", "e")

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        known = isinstance(value, float) or (type(value) is int and abs(value) <= sys.float_info.max)
        if not known or not self.minimum <= value < self.below:
            lowest = "any number" if self.minimum == -math.inf else f"a number from {self.minimum:g}"
            bound = "" if self.below == math.inf else f" and below {self.below:g}"
            raise FieldError(f"{name}={value} is out of range", expected=f"{lowest}{bound}")

    def spread(self, name: str, value: float, rank: int) -> float:  # noqa: ARG002 -- not one number an axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:
        """See :class:`Kind`."""
        return f"{self.prefix}{'N' if self.prefix else name.upper()}"


@dataclass(frozen=True)
class Flag(Kind):
    """A word that changes a setting from its default.

    >>> Flag("nobias", means=False).match("nobias"), Flag("nobias", means=False).match("relu")
    (False, None)
    """

    name: str
    means: bool

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return True

    def match(self, word: str) -> bool | None:
        """See :class:`Kind`."""
        return self.means if word == self.name else None

    def word(self, value: bool) -> str:  # noqa: FBT001 -- the value of the field
        """See :class:`Kind`."""
        return self.name if value == self.means else ""

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if not isinstance(value, bool):
            raise FieldError(f"{name}={value!r}", expected="True or False")

    def spread(self, name: str, value: bool, rank: int) -> bool:  # noqa: ARG002, FBT001 -- not one an axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:  # noqa: ARG002 -- the word says it
        """See :class:`Kind`."""
        return self.name
