"""The number of threads, and how they wait for each other: both must be set before torch is loaded.

Waiting OpenMP threads keep a processor busy. On a shared machine this makes training many times slower
(``benchmarks/waiting.py``), so they sleep unless the user has chosen otherwise.
"""

from __future__ import annotations

import os
import sys

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
