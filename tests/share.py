"""Which part of a long list of cases runs: an even share of it, or all of them where ``CONVSCOPE_TESTS=all``.

A change must be tested in less than half an hour on two cores, and all models, random ops and hostile runs take longer.
All of them run each week, and before a release: ``CONVSCOPE_TESTS=all make test``.
"""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

ALL = os.environ.get("CONVSCOPE_TESTS") == "all"


def share(cases: Iterable[T], every: int) -> list[T]:
    """The first case, and after it each that is ``every`` further."""
    return list(cases)[:: 1 if ALL else every]


def count(cases: int, every: int) -> int:
    """How many of ``cases`` random ones are drawn."""
    return cases if ALL else -(-cases // every)
