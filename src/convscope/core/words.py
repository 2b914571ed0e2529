"""Further kinds of fields: choices of words, shapes, ranges, patterns of axes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from convscope.budget import hold, spend
from convscope.core.pattern import parse
from convscope.core.shape import Shape, from_text, parse_numbers, to_text
from convscope.core.spell import Kind, whole_number
from convscope.errors import FieldError

_DIGIT = re.compile(r"[0-9]")


@dataclass(frozen=True)
class Choice(Kind):
    """A choice of words; the first is the default and is not written, unless all are ``named``.

    >>> Choice(("nearest", "bilinear")).match("bilinear"), Choice(("nearest", "bilinear")).word("nearest")
    ('bilinear', '')
    """

    words: tuple[str, ...]
    named: bool = False

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return True

    def match(self, word: str) -> str | None:
        """See :class:`Kind`."""
        return word if word in self.words else None

    def word(self, value: str) -> str:
        """See :class:`Kind`."""
        return "" if value == self.words[0] and not self.named else value

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if value not in self.words:
            raise FieldError(f"{name}={value!r}", expected=f"one of {', '.join(self.words)}")

    def spread(self, name: str, value: str, rank: int) -> str:  # noqa: ARG002 -- not one an axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:  # noqa: ARG002 -- the words say it
        """See :class:`Kind`."""
        return "|".join(self.words)


@dataclass(frozen=True)
class Extent(Kind):
    """A complete shape, channels included, independent of the input.

    >>> Extent().match("7x5x64"), Extent().word((64, 7, 5))
    ((64, 7, 5), '7x5x64')
    """

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return False

    def match(self, word: str) -> Shape | None:
        """See :class:`Kind`."""
        return from_text(word) if _DIGIT.match(word) else None

    def word(self, value: Shape) -> str:
        """See :class:`Kind`."""
        return to_text(value)

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if not isinstance(value, tuple) or not value:
            raise FieldError(f"{name}={value!r}", expected="a shape, channels first")
        for entry in value:
            whole_number(name, entry, 1)

    def spread(self, name: str, value: Shape, rank: int) -> Shape:  # noqa: ARG002 -- not one an axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:  # noqa: ARG002 -- the form says it
        """See :class:`Kind`."""
        return "HxWxC"


@dataclass(frozen=True)
class Range(Kind):
    """A range of indices that excludes its last one, with a step: ``4:16`` or ``0:16:2``.

    >>> Range().match("4:16"), Range().word((0, 16, 2))
    ((4, 16, 1), '0:16:2')
    """

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return False

    def match(self, word: str) -> tuple[int, int, int] | None:
        """See :class:`Kind`."""
        if not _DIGIT.match(word):
            return None
        numbers = [parse_numbers(part)[0] for part in word.split(":")]
        if len(numbers) not in {2, 3}:
            raise FieldError(f'"{word}" is not a range', expected="first:last, such as 0:16, or first:last:step")
        return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1

    def word(self, value: tuple[int, int, int]) -> str:
        """See :class:`Kind`."""
        return ":".join(map(str, value if value[2] > 1 else value[:2]))

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if not isinstance(value, tuple) or len(value) != 3:
            raise FieldError(f"{name}={value!r}", expected="first, last and step")
        for entry, minimum in zip(value, (0, 1, 1), strict=True):
            whole_number(name, entry, minimum)
        if value[0] >= value[1]:
            raise FieldError(f"{name}={self.word(value)} is an empty range", expected="a first index below the last")

    def spread(self, name: str, value: tuple[int, int, int], rank: int) -> tuple[int, int, int]:  # noqa: ARG002 -- of one axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:  # noqa: ARG002 -- the form says it
        """See :class:`Kind`."""
        return "A:B[:S]"


@dataclass(frozen=True)
class Spec(Kind):
    """Axes as products of letters, with colons between inputs and output, parsed by :mod:`convscope.core.pattern`.

    >>> Spec(2).match("a3b2xc7xd7:baxcxd"), Spec(2).match("relu")
    ('a3b2xc7xd7:baxcxd', None)
    """

    parts: int

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return False

    def match(self, word: str) -> str | None:
        """See :class:`Kind`."""
        if ":" not in word:
            return None
        parse(word, self.parts)
        return word

    def word(self, value: str) -> str:
        """See :class:`Kind`."""
        return value

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if not isinstance(value, str):
            raise FieldError(f"{name}={value!r}", expected="a pattern such as a3b2xc7:baxc")
        try:
            parse(value, self.parts)
        except FieldError as error:
            raise error.add(subject=name) from None

    def spread(self, name: str, value: str, rank: int) -> str:  # noqa: ARG002 -- it names every axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:  # noqa: ARG002 -- the form says it
        """See :class:`Kind`."""
        return ":".join(["AXES"] * self.parts)


MAX_INDICES = 2**20
"""The most indices in a list."""

INDEX = 40
"""Size of an index [byte]."""

MAX_RUNS = 180
"""The most characters of a list of indices; longer ones do not fit into a word of the notation."""

_RUNS = re.compile(r"[0-9]+(-[0-9]+)?(\.[0-9]+(-[0-9]+)?)*")


@dataclass(frozen=True)
class Runs(Kind):
    """A list of indices: ascending or descending runs ``first-last``, separated by dots.

    >>> Runs().match("0-2.7.3-1"), Runs().word((0, 1, 2, 7, 3, 2, 1))
    ((0, 1, 2, 7, 3, 2, 1), '0-2.7.3-1')
    """

    @property
    def marked(self) -> bool:
        """See :class:`Kind`."""
        return False

    def match(self, word: str) -> tuple[int, ...] | None:
        """See :class:`Kind`."""
        if not _DIGIT.match(word):
            return None
        if not _RUNS.fullmatch(word):
            raise FieldError(f'"{word}" is not a list of indices', expected="runs separated by dots, such as 0-3.7.5-4")
        found: list[int] = []
        for part in word.split("."):
            first, *rest = (parse_numbers(end)[0] for end in part.split("-"))
            last = rest[0] if rest else first
            if abs(last - first) >= MAX_INDICES - len(found):
                raise FieldError(f"the list {word} is too long", expected=f"at most {MAX_INDICES:,} indices")
            spend(abs(last - first))
            hold(INDEX * abs(last - first))
            step = 1 if last >= first else -1
            found += range(first, last + step, step)
        return tuple(found)

    def word(self, value: tuple[int, ...]) -> str:
        """See :class:`Kind`."""
        return ".".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs(value))

    def validate(self, name: str, value: Any) -> None:
        """See :class:`Kind`."""
        if not isinstance(value, tuple) or not value:
            raise FieldError(f"{name}={value!r}", expected="at least one index")
        for entry in value:
            whole_number(name, entry, 0)
        if len(value) > MAX_INDICES or len(self.word(value)) > MAX_RUNS:
            raise FieldError(
                f"{name} has too many indices, {len(value):,}", expected="a list that is shorter, or more regular"
            )

    def spread(self, name: str, value: tuple[int, ...], rank: int) -> tuple[int, ...]:  # noqa: ARG002 -- of one axis
        """See :class:`Kind`."""
        return value

    def usage(self, name: str) -> str:  # noqa: ARG002 -- the form says it
        """See :class:`Kind`."""
        return "A[-B][.C…]"


def runs(indices: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Split a list into runs, each of which keeps its direction.

    >>> runs((0, 1, 2, 7, 7, 6))
    [(0, 1, 2), (7,), (7, 6)]
    """
    found: list[list[int]] = []
    for index in indices:
        run = found[-1] if found else []
        step = run[1] - run[0] if len(run) > 1 else None
        if run and index - run[-1] in ({step} if step else {1, -1}):
            run.append(index)
        else:
            found.append([index])
    return [tuple(run) for run in found]
