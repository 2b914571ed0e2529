"""Nets that are hard to write in another language: written, or refused, within the limits."""

from __future__ import annotations

import pytest

import convscope as cs
from convscope.errors import ConvscopeError, LimitError, WriteError
from convscope.writers import WRITERS
from faults.limits import refused

pytestmark = pytest.mark.faults

TEXT = ("notation", "torch", "keras", "dot")

LADDER = f"input 8x8x1, a: relu, {'relu ' * 3000}, b: relu, from a {'tanh ' * 3000}, c: relu, add( from b | from c )"
"""Two long paths that meet."""

TOO_MUCH = {
    "paths that meet far away": ", ".join([LADDER, *["add( id | from b | from c )"] * 2000]),
    "regions in regions": "input 8x8x1, a: relu, 3000*( add( relu | from a ) )",
}

TOO_LARGE = {
    "shares of a pooling": "input 1048576x1, aavgpool 1000000",
    "windows of a pooling": "input 1048576x1, amaxpool 1000000",
    "weights": "input 1x1x2147483647, conv 2147483647 1x1",
    "a constant": "input 8x8x1, cat( id | const 8x8x2147483647 )",
    "a norm without weights": "input 1x1x2147483647, gn 1 noaffine",
}


@pytest.mark.parametrize(("name", "language"), list(zip(TOO_MUCH, ("torch", "keras"), strict=True)))
def test_what_multiplies_is_counted(name: str, language: str) -> None:
    net = cs.read(TOO_MUCH[name])
    with pytest.raises(LimitError, match="steps of work") as caught:
        cs.write(net, to=language)
    assert "--raise-limits" in caught.value.attempt


@pytest.mark.parametrize("name", TOO_LARGE)
def test_no_array_is_made_before_its_size_is_known(name: str) -> None:
    net = cs.read(TOO_LARGE[name])
    assert isinstance(refused(lambda: cs.write(net, to="onnx")), LimitError | WriteError)


@pytest.mark.parametrize("language", TEXT)
def test_deep_regions_are_written_step_by_step(language: str) -> None:
    net = cs.read("input 8x8x1, a: relu, 300*( add( relu | from a ) )")
    assert cs.write(net, to=language)


@pytest.mark.parametrize("language", WRITERS)
def test_thousands_of_branches_are_written(language: str) -> None:
    net = cs.read(f"input 8x8x1, add( {' | '.join(['conv 1 1x1'] * 2000)} )")
    try:
        assert len(cs.write(net, to=language)) > 20_000
    except ConvscopeError as error:
        pytest.fail(str(error))
