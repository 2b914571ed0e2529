"""What measures hostile input would find that it costs too much."""

import time

import pytest

from convscope.errors import ModelError
from faults import limits
from faults.limits import refused

pytestmark = pytest.mark.faults


def test_an_error_that_comes_late_is_found() -> None:
    def late() -> None:
        start = time.process_time()
        while time.process_time() - start < limits.SECONDS:
            pass
        raise ModelError("late")

    with pytest.raises(AssertionError, match="refused after"):
        refused(late)


def test_an_error_that_costs_memory_is_found() -> None:
    def large() -> None:
        raise ModelError(str(len(b"x" * (limits.MEGABYTES * 1_020_000))))

    with pytest.raises(AssertionError, match=r"refused with 30\d MB"):
        refused(large)


def test_what_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> None:
        while True:
            pass

    monkeypatch.setattr(limits, "PATIENCE", 0.1)
    with pytest.raises(AssertionError, match="no end"):
        refused(endless)


def test_what_is_taken_or_fails_otherwise_is_found() -> None:
    with pytest.raises(AssertionError, match="taken as 3"):
        refused(lambda: 3)
    with pytest.raises(ZeroDivisionError):
        refused(lambda: 1 / 0)


def test_characters_that_move_the_cursor_are_found() -> None:
    class RawError(ModelError):
        def __str__(self) -> str:  # ours are inert, whatever is in them
            return self.what

    def evil() -> None:
        raise RawError("\x1b[2J")

    with pytest.raises(AssertionError):
        refused(evil)
