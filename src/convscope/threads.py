"""How many threads compute, and how they wait for each other: both are settled before torch is loaded.

Threads of OpenMP that wait keep a processor busy. On a machine where others work too, that makes training many times
slower (``benchmarks/waiting.py``); so they sleep, unless the user has said otherwise.
"""

from __future__ import annotations

import os
import sys

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables by which a user says how threads wait; any one of them is enough."""

COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that say how many threads compute."""


def wait_passively() -> None:
    """Let waiting threads sleep; does nothing where the user has a setting of their own."""
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def use(count: int) -> None:
    """Compute with so many threads, from now on."""
    for name in COUNTS:
        os.environ[name] = str(count)
    if torch := sys.modules.get("torch"):  # it has read the variables already
        torch.set_num_threads(count)
