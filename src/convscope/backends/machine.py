"""What the machine can do, and the settings that make training on a CPU fast."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""


def keep_memory() -> None:
    """Let glibc keep freed blocks; does nothing on other C libraries.

    By default it hands each large activation back to the kernel at every step, and clearing the fresh pages takes
    longer than the arithmetic.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


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
