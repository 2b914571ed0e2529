"""Seconds of the processor, as an idle reference machine would have taken them.

No test may depend on how busy or how fast a machine is. Asking for the time of the process leaves out what it waited.
Of that, only what the process computes by itself counts: how long the system takes to hand out a page of memory depends
on whether the host of a virtual machine has it at hand (256 MB in 16 ms or in 560); memory has limits of its own.
What is left is that a neighbour on the same core halves the speed of each instruction, and that processors differ. So a
fixed loop is timed right after what is measured, under the same load, and the seconds are divided by how much longer it
took than on the reference machine. Where a limit seems passed, it is measured up to ``TRIES`` times; the best counts.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment] # only here

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 3
"""How often what seems slow is measured."""

HANG = 600
"""Seconds by the wall clock after which a process is assumed to hang; nothing is claimed about less."""

REFERENCE = 0.0022
"""What ``_loop`` takes on the reference machine, idle [s]: an AMD EPYC (Zen 4), Python 3.11; best of 1,200."""

LEAST = 1.0
"""A machine faster than the reference counts as it is, as it is not as much faster at everything: one ran the loop in
.57 of the time, and took .8 of it for what moves more memory. Clocks of virtual machines stand still at times, too.
"""

SHORT = 0.1
"""Seconds that need no correction: every limit is well above."""


def now() -> float:
    """Seconds of the processor that this process has taken, without those of the system for it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime if resource else time.process_time()


def since(start: float) -> float:
    """Seconds since ``now()`` said ``start``, as the reference machine would have taken them."""
    spent = now() - start
    return spent if spent < SHORT else spent / slowness()


def best(attempt: Callable[[], object], limit: float) -> float:
    """Seconds that an attempt takes; it is measured again where it reaches the limit."""
    found = float("inf")
    for _ in range(TRIES):
        start = now()
        attempt()
        found = min(found, since(start))
        if found < limit:
            break
    return found


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that another process or thread does; nothing is claimed about how long it takes."""
    start = time.monotonic()
    while not reached():
        assert time.monotonic() - start < HANG, "it hangs"
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """The environment in which another process can import this module."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


def slowness() -> float:
    """How many times longer this machine takes now than the reference machine."""
    return max(statistics.median(_timed() for _ in range(5)) / REFERENCE, LEAST)


def _timed() -> float:
    start = time.process_time()
    _loop()
    return time.process_time() - start


def _loop() -> list[str]:
    """What most of our time goes into: small objects, look-ups, strings. If it changes, so does ``REFERENCE``."""
    seen: dict[int, object] = {}
    for at in range(12_000):
        seen[at % 997] = (at, seen.get(at % 89))
        if at % 8 == 0:
            seen[at] = str(at)
    return sorted(map(str, list(seen)[:1500]))
