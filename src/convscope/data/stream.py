"""Reading ahead: the next rows of a mapped file come from the disk while the last ones are in use."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Key = TypeVar("Key")
Found = TypeVar("Found")

AHEAD = 4
"""Batches that are read before they are asked for."""


def read_ahead(read: Callable[[Key], Found], keys: Iterable[Key], ahead: int = AHEAD) -> Iterator[Found]:
    """``map(read, keys)``, where another thread is up to ``ahead`` steps further; it ends with its read.

    Raises:
        Exception: what ``read`` raises, at its place in the order.

    >>> list(read_ahead(abs, [-1, -2, -3], ahead=2))
    [1, 2, 3]
    """
    rest = iter(keys)
    reader = ThreadPoolExecutor(1, "read-ahead")
    try:
        waiting: deque[Future[Found]] = deque(reader.submit(read, key) for key in islice(rest, ahead))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(reader.submit(read, key) for key in islice(rest, 1))
            yield found
    finally:
        # no waiting: garbage collection may close this while another thread starts; both would wait for ever
        reader.shutdown(wait=False, cancel_futures=True)
