"""Signals that ask a run to stop: it finishes the step and saves first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A run was asked to stop, and has saved its state.

    Attributes:
        path: the run folder.
        signal: the signal.
    """

    def __init__(self, path: Path, step: int, steps: int, number: int) -> None:
        super().__init__(f"stopped after step {step:,} of {steps:,} and saved")
        self.path: Path = path
        self.signal: int = number


class Request:
    """Whether the run was asked to stop.

    Attributes:
        signal: number of the signal; None if none has arrived.
    """

    signal: int | None = None

    def ask(self, number: int, _: Any) -> None:
        """Note the first signal; the second one ends the process at once."""
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = number


@contextmanager
def requests() -> Iterator[Request]:
    """Note SIGINT (Ctrl-C) and SIGTERM; Python delivers signals to the main thread only."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.ask) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
