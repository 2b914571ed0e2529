"""Laws of the reads: pull is monotone, stays inside, and agrees with what a unit reads by definition."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from convscope.core.axis import All, Table, Window


@st.composite
def windows(draw: st.DrawFn) -> Window:
    window = Window(
        size=draw(st.integers(1, 12)),
        kernel=draw(st.integers(1, 4)),
        stride=draw(st.integers(1, 3)),
        dilation=draw(st.integers(1, 3)),
        lo=draw(st.integers(-2, 4)),
        hi=draw(st.integers(-2, 4)),
        up=draw(st.integers(1, 3)),
    )
    assume(window.extent >= 1)
    return window


def read_by_definition(window: Window, output: int) -> set[int]:
    """Stretch, pad and slide, index by index."""
    found = set()
    for tap in range(window.kernel):
        at = window.stride * output - window.lo + window.dilation * tap
        if 0 <= at <= (window.size - 1) * window.up and at % window.up == 0:
            found.add(at // window.up)
    return found


@given(windows())
def test_a_window_reads_what_its_definition_says(window: Window) -> None:
    for output in range(window.extent):
        assert set(window.pull(np.array([output])).tolist()) == read_by_definition(window, output)


@given(windows())
def test_the_last_window_fits_and_one_more_would_not(window: Window) -> None:
    end = (window.size - 1) * window.up + window.hi
    last = window.stride * (window.extent - 1) - window.lo + window.dilation * (window.kernel - 1)
    assert last <= end < last + window.stride


@given(windows(), st.data())
def test_pull_is_monotone_and_joins(window: Window, data: st.DataObject) -> None:
    subset = st.sets(st.integers(0, window.extent - 1))
    a, b = data.draw(subset), data.draw(subset)
    pulled = [set(window.pull(np.array(sorted(s), dtype=int)).tolist()) for s in (a, b, a | b)]
    assert pulled[0] | pulled[1] == pulled[2]
    assert all(0 <= index < window.size for index in pulled[2])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 9)), min_size=1, max_size=6))
def test_a_table_reads_its_ranges(ends: list[tuple[int, int]]) -> None:
    first, last = (np.array(side) for side in zip(*ends, strict=True))
    table = Table(10, len(ends), 10, lambda o: (first[o], last[o]))
    for output, (lo, hi) in enumerate(ends):
        assert table.pull(np.array([output])).tolist() == list(range(lo, hi + 1))
    everything = set().union(*(range(lo, hi + 1) for lo, hi in ends))
    assert set(table.pull(np.arange(len(ends))).tolist()) == everything


def test_all_reads_all_but_only_when_asked() -> None:
    assert All(4, 2).pull(np.array([1])).tolist() == [0, 1, 2, 3]
    assert All(4, 2).pull(np.array([], dtype=int)).tolist() == []
