"""What hostile input may cost: it is refused with one of our errors, or answered, within a second and 300 MB."""

from __future__ import annotations

import ctypes
import gc
import signal
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import clock
from convscope.errors import ConvscopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

SECONDS, MEGABYTES = 1.0, 300
"""What is promised, in seconds of the reference machine."""

PATIENCE = 120
"""Seconds of this machine's processor after which an attempt is stopped."""

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def refused(attempt: Callable[[], object]) -> ConvscopeError:
    """The error that an attempt ends in, within the limits."""
    error = _within(lambda: _error(attempt), "refused")
    said = str(error)
    assert len(said) < 3000
    assert all(char.isprintable() or char == "\n" for char in said)
    return error


def answered(attempt: Callable[[], _T]) -> _T:
    """What an attempt gives, within the limits."""
    return _within(attempt, "answered")


def in_memory(attempt: Callable[[], _T]) -> _T:
    """What an attempt gives, within the limit of memory alone: for what is honestly large."""
    found, _, peak = _measured(attempt)
    assert peak < MEGABYTES, f"answered with {peak:.0f} MB"
    return found


def _within(attempt: Callable[[], _T], word: str) -> _T:
    """Measure an attempt, again where it was slow; memory is that of the worst run."""
    found, seconds, peak = _measured(attempt)
    for _ in range(clock.TRIES - 1):
        if seconds < SECONDS:
            break
        found, again, more = _measured(attempt)
        seconds, peak = min(seconds, again), max(peak, more)
    assert seconds < SECONDS, f"{word} after {seconds:.2f} s"
    assert peak < MEGABYTES, f"{word} with {peak:.0f} MB"
    return found


def _measured(attempt: Callable[[], _T]) -> tuple[_T, float, float]:
    """What an attempt gives, its seconds (see ``clock``), and its peak of memory above the start in MB."""
    gc.freeze()  # what the other tests hold is not searched for garbage on this one's account
    memory = _Resident() if CLEAR.exists() else _Traced()
    start = clock.now()
    try:
        with _patience():
            found = attempt()
        return found, clock.since(start), memory.peak() / 1e6
    finally:
        memory.end()
        gc.unfreeze()


class _Resident:
    """The peak of what is resident, which Linux forgets on demand; memory that was freed before is given back first."""

    def __init__(self) -> None:
        ctypes.CDLL(None).malloc_trim(0)
        CLEAR.write_text("5", encoding="ascii")
        self.before = self.now("VmRSS")

    def now(self, name: str) -> int:
        line = next(one for one in STATUS.read_text(encoding="ascii").splitlines() if one.startswith(name))
        return int(line.split()[1]) * 1024

    def peak(self) -> int:
        return self.now("VmHWM") - self.before

    def end(self) -> None:
        pass


class _Traced:
    """The peak of what Python allocates, for other systems; this takes several times as long."""

    def __init__(self) -> None:
        tracemalloc.start()

    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1]

    def end(self) -> None:
        tracemalloc.stop()


def _error(attempt: Callable[[], object]) -> ConvscopeError:
    try:
        found = attempt()
    except ConvscopeError as error:
        return error
    raise AssertionError(f"taken as {str(found)[:200]}")


@contextmanager
def _patience() -> Iterator[None]:
    """A test ends, even when what it tests does not."""

    def over(*_: Any) -> None:
        raise AssertionError(f"no end after {PATIENCE} s of the processor")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
