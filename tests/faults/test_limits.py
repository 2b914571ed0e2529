"""What measures hostile input would find that it costs too much."""

import pytest

import clock
from convscope.errors import ModelError
from faults import limits
from faults.limits import refused

pytestmark = pytest.mark.faults


def test_an_error_that_comes_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def late() -> None:
        start = clock.now()
        while clock.now() - start < limits.SECONDS:
            pass
        raise ModelError("late")

    monkeypatch.setattr(clock, "_timed", lambda: clock.REFERENCE)
    with pytest.raises(AssertionError, match="refused after"):
        refused(late)


@pytest.mark.parametrize(("slower", "late"), [(1, True), (3, False)])
def test_seconds_are_of_the_reference_machine(slower: float, *, late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt() -> None:
        start = clock.now()
        while clock.now() - start < 2 * limits.SECONDS:
            pass

    monkeypatch.setattr(clock, "_timed", lambda: slower * clock.REFERENCE)
    if late:
        with pytest.raises(AssertionError, match="answered after 2"):
            limits.answered(attempt)
    else:
        limits.answered(attempt)


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
