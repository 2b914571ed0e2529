"""The number of threads, and how they wait for each other: both must be set before torch is loaded.

Waiting OpenMP threads keep a processor busy. On a shared machine this makes training many times slower
(``benchmarks/waiting.py``), so they sleep unless the user has chosen otherwise.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTO, MOST = "auto", 4096
"""Measure whether one thread is faster than all; the largest number of threads."""

LONG, LITTLE = 20.0, 0.7
"""Seconds after which a training can be called slow, and the share of one processor below which it had too little.

With nothing else running, one thread has all of a processor; those of a small net wait for each other about half of the
time, so that their share says nothing.
"""

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Environment variables that determine how threads wait; any one of them is enough."""

COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that determine the number of threads."""


def wait_passively() -> None:
    """Let waiting threads sleep, unless the user has a setting of their own."""
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def use(count: int) -> None:
    """Compute with this number of threads from now on."""
    for name in COUNTS:
        os.environ[name] = str(count)
    if torch := sys.modules.get("torch"):  # torch has read the variables already
        torch.set_num_threads(count)


def stated() -> int | None:
    """Return the number of threads that the environment states; None leaves it to torch."""
    found = next((os.environ[name] for name in COUNTS if name in os.environ), "")
    return int(found) if found.isdecimal() and int(found) else None


@contextmanager
def used(count: int | None) -> Iterator[None]:
    """Compute with this number of threads within the block; None changes nothing."""
    torch = sys.modules.get("torch")
    if count is None or torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def hint(seconds: float, processor: float, count: int) -> str:
    """Return what to try if a training did not even get one processor; empty if it did.

    Args:
        seconds: how long it took.
        processor: seconds of all processors that it got.
        count: number of its threads.

    >>> hint(60.0, 30.0, 2)
    'other programs use this machine: training got 50 % of a processor; --threads 1 or auto may be faster'
    >>> hint(60.0, 58.0, 2), hint(5.0, 1.0, 2), hint(60.0, 55.0, 1)
    ('', '', '')
    """
    share = processor / seconds if seconds > LONG else 1.0
    if share >= LITTLE:
        return ""
    advice = "; --threads 1 or auto may be faster" if count > 1 else ""
    return f"other programs use this machine: training got {100 * share:.0f} % of a processor{advice}"
