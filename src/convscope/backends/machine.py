"""Facts about the machine, and settings that make training on a CPU fast."""

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
"""The size from which glibc requests a separate block from the kernel: the highest default [byte]."""

_lock = threading.Lock()
_keeping = 0
"""Number of parts of the program that are training or evaluating."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let glibc keep freed blocks within the block; does nothing on other C libraries.

    By default, it returns each large activation to the kernel at every step, and clearing fresh pages takes longer than
    the arithmetic. At the end, all free memory is returned, so that a program that has trained does not stay as large.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" and platform.libc_ver()[0] == "glibc" else None
    _count(libc, 1)
    try:
        yield
    finally:
        _count(libc, -1)


def _count(libc: ctypes.CDLL | None, change: int) -> None:
    """Set what glibc keeps when the first part begins, and again when the last one ends."""
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
    """Return the processor's instruction sets; empty if the system does not report them."""
    for line in _cpuinfo():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def cpu_name() -> str:
    """Return the name of the processor."""
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
    """Return whether the processor multiplies bfloat16 in hardware; otherwise it is slower than float32."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def free_memory() -> int | None:
    """Return the memory that can be allocated without swapping [byte]; None if the system does not report it."""
    try:
        from psutil import virtual_memory
    except ImportError:
        return _free_by_linux()
    return int(virtual_memory().available)


def _free_by_linux() -> int | None:
    """Return the same without psutil; Linux reports it in a file."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable")), None)
    return int(found.split()[1]) * 1024 if found else None


def cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    try:
        from psutil import Process

        return len(Process().cpu_affinity() or []) or 1  # Windows
    except (ImportError, AttributeError):  # psutil is not installed, or the system lacks this call
        return os.cpu_count() or 1
