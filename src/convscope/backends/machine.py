"""What the machine can do, and the settings that make training on a CPU fast."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""

LARGE = 32 << 20
"""The size from which glibc always asks the kernel for a block of its own [byte]: the highest it chooses by itself."""

_lock = threading.Lock()
_keeping = 0
"""How many parts of the program train or evaluate now."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let glibc keep freed blocks for the time being; does nothing on other C libraries.

    By default it hands each large activation back to the kernel at every step, and clearing the fresh pages takes
    longer than the arithmetic. At the end everything that is free goes back, so that a program that has trained does
    not stay as large as it was then.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" and platform.libc_ver()[0] == "glibc" else None
    _count(libc, 1)
    try:
        yield
    finally:
        _count(libc, -1)


def _count(libc: ctypes.CDLL | None, change: int) -> None:
    """Settle what glibc keeps when the first part begins and when the last one ends."""
    global _keeping
    with _lock:
        before, _keeping = _keeping, _keeping + change
        if libc is None or (before and _keeping):
            return
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30 if _keeping else LARGE)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1 if _keeping else 2 * LARGE)
        if not _keeping:
            libc.malloc_trim(0)


def cpu_flags() -> frozenset[str]:
    """Instruction sets that the processor names; empty where the system does not tell."""
    for line in _cpuinfo():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def cpu_name() -> str:
    """The processor's own name."""
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def fast_bfloat16() -> bool:
    """The processor multiplies bfloat16 itself; elsewhere it is slower than float32."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def free_memory() -> int | None:
    """Bytes that can be taken without swapping [byte]; None where the system does not tell."""
    try:
        from psutil import virtual_memory
    except ImportError:
        return _free_by_linux()
    return int(virtual_memory().available)


def _free_by_linux() -> int | None:
    """The same where psutil is not installed: Linux tells in a file."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable")), None)
    return int(found.split()[1]) * 1024 if found else None


def cores() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    try:
        from psutil import Process

        return len(Process().cpu_affinity() or []) or 1  # Windows
    except (ImportError, AttributeError):  # psutil is not installed, or the system has no such question
        return os.cpu_count() or 1
