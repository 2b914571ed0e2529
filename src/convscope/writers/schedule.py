"""Scheduling: from operations that read each other to statements with few short names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from convscope.writers.layout import INDENT, lines, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENTRY = -1

FLOW = ("x", "y", "z")
"""Names for short-lived values."""

_NUMBERED = re.compile(r'@"([^"]*)"')
"""A quoted name that will end in a number."""

LONGEST = 88
"""The most characters of an expression with inlined others."""


@dataclass(frozen=True)
class Operation:
    """A value.

    Attributes:
        inputs: positions of other values, -1 for the input of the body.
        text: the expression, with ``{x0}``, ``{x1}`` for its inputs; just ``{x0}`` for an unchanged input.
        inner: whether it may be inlined into its reader.
        outer: whether others may be inlined into it.
        level: precedence: 0 for an atom, 1 for a product, 2 for a sum, 3 for a conditional.
        wide: whether it is a list that may take a line for each entry.
        times: number of repetitions, each on the result of the previous one.
        first: the number of the first repetition, for ``@`` in the text: a quoted name that ends in the number.
        is_name: whether the text is an argument's name, and nothing is computed.
    """

    inputs: tuple[int, ...]
    text: str
    inner: bool = False
    outer: bool = False
    level: int = 0
    wide: bool = False
    times: int = 1
    first: str = ""
    is_name: bool = False


def body(
    operations: Sequence[Operation], result: int, depth: int = 2, entry: str = "x", end: str = "return "
) -> list[str]:
    r"""Return the lines of a function of ``x`` that returns one of the values, -1 for ``x`` itself.

    >>> print(*body([
    ...     Operation((-1,), "self.body({x0})", inner=True),
    ...     Operation((0, -1), "{x0} + {x1}", inner=True, outer=True, level=2),
    ...     Operation((1,), "F.relu({x0})", outer=True),
    ... ], 2, depth=0), sep="\\n")
    return F.relu(self.body(x) + x)
    """
    if result == ENTRY or operations[result].is_name:
        return [f"{' ' * INDENT * depth}{end}{entry if result == ENTRY else operations[result].text}"]
    return _Body(operations, result, depth, entry, end).lines()


def _allowed(text: str, mark: str, level: int, *, first: bool) -> int:
    """Return the highest precedence of an input that needs no brackets."""
    before, _, after = text.partition(mark)
    if after[:1] in {"[", "."}:
        return 0
    return level - (not first) if level else 2 if before[-1:] in {"(", "["} or before[-2:] == ", " else 0


@dataclass
class _Body:
    operations: Sequence[Operation]
    result: int
    depth: int
    entry: str
    end: str
    used: list[int] = field(init=False)
    readers: dict[int, list[int]] = field(init=False)
    folded: set[int] = field(default_factory=set)
    until: dict[int, int] = field(init=False)
    names: dict[int, str] = field(init=False)
    holders: dict[str, int] = field(init=False)
    given: set[str] = field(init=False)
    long: int = 0

    def __post_init__(self) -> None:
        self.names, self.holders = {ENTRY: self.entry}, {self.entry: ENTRY}
        self.used = self._live()
        self.readers = {at: [] for at in (ENTRY, *self.used)}
        for at in self.used:
            for source in () if self.operations[at].is_name else self.operations[at].inputs:
                self.readers[source].append(at)
        self.given = {one.text for one in self.operations if one.is_name}
        self.given |= {self.entry} if self.given else set()  # one of several inputs, which may determine the result
        self._fold()

    def _live(self) -> list[int]:
        """Return the positions of operations that the result needs, in order."""
        needed, todo = set[int](), [self.result]
        while todo:
            at = todo.pop()
            if at != ENTRY and at not in needed:
                needed.add(at)
                todo += self.operations[at].inputs
        return sorted(needed)

    def _fold(self) -> None:
        """Find values to inline into their readers: short ones, and lists as the only argument of a call."""
        length: dict[int, int] = {}
        lists: set[int] = set()
        for at in self.used:
            operation = self.operations[at]
            length[at] = len(operation.text)
            self.folded |= {at} if operation.is_name else set()
            for source in () if operation.is_name else operation.inputs:
                if not self._may_fold(source, at) or source in lists:
                    continue
                together = length[source] + (0 if operation.wide else length[at])
                if together <= LONGEST:
                    self.folded.add(source)
                    length[at] = max(together, length[at])
                    lists |= {at} if self.operations[source].wide else set()

    def _may_fold(self, source: int, at: int) -> bool:
        if source == ENTRY or source in self.folded or not self.operations[source].inner:
            return False
        if self.readers[source] != [at]:
            return False
        if self.operations[at].times > 1:
            return False
        mark = f"{{x{self.operations[at].inputs.index(source)}}}"
        if self.operations[at].text.count(mark) > 1:
            return False
        if self.operations[source].wide and f"{mark}." in self.operations[at].text:  # a list breaks before its method
            return False
        return self.operations[at].outer or self.operations[source].outer

    def lines(self) -> list[str]:
        """Yield every statement."""
        stated = [at for at in self.used if at not in self.folded]
        self.until = self._last_uses(stated)
        last = len(stated) - 1
        return [line for order, at in enumerate(stated) for line in self._statement(order, at, last=order == last)]

    def _statement(self, order: int, at: int, *, last: bool) -> Iterator[str]:
        operation, given = self.operations[at], self.names.get(self.operations[at].inputs[0], "")
        text = self._text(at)
        if operation.times == 1:
            before = self.end if last else f"{self._name(order, at)} = "
            yield from self._line(text, before, operation.first)
            return
        name = self._name(order, at)
        first = int(operation.first) + (given != name)
        if given != name:
            yield from self._line(text, f"{name} = ", operation.first)
            text = text.replace(f"({given},", f"({name},", 1)
        yield f"{' ' * INDENT * self.depth}for i in range({first}, {int(operation.first) + operation.times}):"
        yield from self._line(text, f"{' ' * INDENT}{name} = ", "{i}")
        if last:
            yield f"{' ' * INDENT * self.depth}{self.end}{name}"

    def _line(self, text: str, before: str, number: str) -> list[str]:
        """Return one statement; a name with a counting number is composed when the code runs."""
        if number:
            text = _NUMBERED.sub(lambda found: f'{"f" * (number == "{i}")}"{found[1]}{number}"', text)
        return lines(parse(text), depth=self.depth, before=before)

    def _text(self, at: int) -> str:
        """Return the expression with others inlined."""
        operation = self.operations[at]
        text = operation.text
        if operation.is_name:
            return text
        for position, source in enumerate(operation.inputs):
            mark = f"{{x{position}}}"
            inside = self._text(source) if source in self.folded else self.names[source]
            level = self.operations[source].level if source in self.folded else 0
            bracket = level > _allowed(text, mark, operation.level, first=not position)
            text = text.replace(mark, f"({inside})" if bracket else inside)
        return text

    def _name(self, order: int, at: int) -> str:
        """Choose a short name for a value that is used immediately, a numbered one otherwise."""
        name = next((name for name in FLOW if name not in self.given and not self._waits(name, order)), "")
        if self.until.get(at, -1) > order + 1 or not name:
            self.long = next(at for at in count(self.long + 1) if f"x{at}" not in self.given)
            name = f"x{self.long}"
        if name in self.holders:
            del self.names[self.holders[name]]
        self.names[at] = name
        self.holders[name] = at
        return name

    def _waits(self, name: str, order: int) -> bool:
        """Return whether the value of a name is used after this statement."""
        return name in self.holders and self.until.get(self.holders[name], -1) > order

    def _last_uses(self, stated: list[int]) -> dict[int, int]:
        """Return, for each value, the number of the last statement that uses it."""
        orders = {at: order for order, at in enumerate(stated)}
        for at in reversed(self.used):  # an inlined value belongs to the statement of its reader
            if at in self.folded:
                orders[at] = orders[self.readers[at][0]]
        return {at: max(orders[reader] for reader in readers) for at, readers in self.readers.items() if readers}
