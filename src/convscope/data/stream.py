"""Prefetching: the next rows of a mapped file are read from disk while the current ones are in use."""

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
"""Number of batches that are read ahead."""


def read_ahead(read: Callable[[Key], Found], keys: Iterable[Key], ahead: int = AHEAD) -> Iterator[Found]:
    """Yield ``map(read, keys)`` while another thread reads up to ``ahead`` steps further.

    Raises:
        Exception: whatever ``read`` raises, at its position in the order.

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
        # do not wait: garbage collection may close this while another thread starts, and both would wait forever
        reader.shutdown(wait=False, cancel_futures=True)
