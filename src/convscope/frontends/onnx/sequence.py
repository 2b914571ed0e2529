"""A sequence of tensors, which some exporters use to pass parts of a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from convscope.budget import hold, spend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COPIED, KEPT = 64, 16
"""Tensors that are copied in one step, and bytes for each."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A prefix of a shared list of tensors, so that a sequence that grows at its end copies nothing.

    Attributes:
        items: the list.
        size: number of tensors in the sequence.
        marked: number of lost ones, see :mod:`convscope.frontends.onnx.lost`.

    >>> one = Sequence.of("a")
    >>> two = one.with_one("b", 1)
    >>> list(one), list(two), one.items is two.items, list(one.with_one("c", 0))
    (['a'], ['a', 'b'], True, ['c', 'a'])
    """

    items: list[Any]
    size: int
    marked: int = 0

    @classmethod
    def of(cls, tensors: Iterable[Any]) -> Sequence:
        """Make a sequence."""
        found = list(tensors)
        return cls(found, len(found), sum(map(_lost, found)))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        return islice(self.items, self.size)

    def __getitem__(self, at: int) -> Any:
        if not -self.size <= at < self.size:
            raise IndexError(at)
        return self.items[at % self.size]

    def with_one(self, tensor: Any, at: int) -> Sequence:
        """Insert a tensor before a position.

        Raises:
            LimitError: the sequence must be copied, but is too long.
        """
        if at == self.size == len(self.items):
            self.items.append(tensor)
            return Sequence(self.items, self.size + 1, self.marked + _lost(tensor))
        spend(self.size / COPIED)
        hold(KEPT * self.size)
        found = list(self)
        found.insert(at, tensor)
        return Sequence(found, len(found), self.marked + _lost(tensor))


def _lost(tensor: Any) -> bool:
    return hasattr(tensor, "first")
