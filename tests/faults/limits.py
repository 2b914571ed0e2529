"""What hostile input may cost: it is refused with one of our errors, within a second and 300 MB."""

from __future__ import annotations

import gc
import signal
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from convscope.errors import ConvscopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS, MEGABYTES, PATIENCE = 1.0, 300, 60


def refused(attempt: Callable[[], object]) -> ConvscopeError:
    """The error that an attempt ends in; the time of the processor is taken in one run, memory in a second."""
    gc.freeze()  # what the other tests hold is not searched for garbage on this one's account
    start = time.process_time()
    error = _error(attempt)
    seconds = time.process_time() - start
    gc.unfreeze()
    assert seconds < SECONDS, f"refused after {seconds:.2f} s"
    tracemalloc.start()
    try:
        _error(attempt)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTES, f"refused with {peak:.0f} MB"
    said = str(error)
    assert len(said) < 3000
    assert all(char.isprintable() or char == "\n" for char in said)
    return error


def _error(attempt: Callable[[], object]) -> ConvscopeError:
    with _patience():
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
