"""Short texts that ask for much: each is refused, or read, within the limits."""

from __future__ import annotations

import pytest

import convscope as cs
from convscope.errors import ConvscopeError, LimitError, NotationError
from faults.limits import answered, refused

pytestmark = pytest.mark.faults

ONE, LONG = "input 8x8x1, ", "a" * 190


def ids(count: int) -> str:
    return "|".join(["id"] * count)


LIMITED = {
    "empty joins": f"{ONE}20000*( add( {ids(1000)} ) )",
    "empty joins, nested": f"{ONE}{'9*( ' * 20}add( {ids(9)} ){' )' * 20}",
    "one wide join": f"{ONE}add( {ids(250_000)} )",
    "jumps": f"{ONE}a: relu, 20000*( {'from a ' * 20_000}relu )",
    "jumps and layers": f"{ONE}a: relu, {'relu from a ' * 80_000}",
    "repetitions in repetitions": f"{ONE}{'9*( ' * 20}relu{' )' * 20}",
    "a repetition": f"{ONE}2147483647*( relu )",
    "statements": f"{ONE}{'id,' * 250_000}",
    "layers without commas": f"{ONE}{'id ' * 340_000}",
    "commas": f"{ONE}relu{',' * 1_000_000}",
    "counts": f"{ONE}relu {'2*' * 300_000}",
    "settings": f"{ONE}{'maxpool 2 s1 p1, ' * 50_000}",
    "words": f"{ONE}conv {'x ' * 500_000}",
    "kernels as in papers": f"{ONE}{'(1x1)x1 ' * 100_000}",
    "inputs": ", ".join(f"a{at}: input 8x8x1" for at in range(40_000)) + ", relu",
    "outputs": f"{ONE}relu output tuple( {'|'.join(['from relu1'] * 70_000)} )",
    "outputs of many layers": f"{ONE}9000*( relu ) output list( {'|'.join(['from relu1'] * 60_000)} )",
}

READ = {
    "line breaks": ONE + "\n" * 1_000_000 + "relu",
    "line breaks and blanks": ONE + " \n" * 500_000 + "relu",
    "comments": f"{ONE}relu" + "\n#" * 500_000,
    "one comment": f"{ONE}relu #{'é' * 500_000}",
    "blanks": f"{ONE}relu{' ' * 1_000_000}",
    "a long name": f'{ONE}"{"a" * 500_000}": relu, 9000*( relu )',
    "many outputs": f"{ONE}9000*( relu ) output tuple( {'|'.join(['from relu1'] * 5000)} )",
}

LARGE = {
    "many layers": f"{ONE}20000*( relu )",
    "many layers, written": ONE + ", ".join(f"conv {at % 7 + 1} 3x3 p1 bn" for at in range(9990)),
    "many branches": f"{ONE}add( {' | '.join(['conv 1 1x1'] * 5000)} )",
    "many residuals": f"{ONE}5000*( add( conv 1 3x3 p1 relu | id ) )",
}
"""Nets that a person may write: they are read, whatever the time."""

WRONG = {
    "a label among long ones": f"{ONE}{', '.join(f'{LONG}{at}: relu' for at in range(5000))}, from {LONG}",
    "a label among many": f"{ONE}{', '.join(f'a{at}: relu' for at in range(9000))}, from a1b2",
    "one word": "a" * 1_000_000,
    "an open quote": f'{ONE}"{"a" * 1_000_000}',
    "an op of nothing": f"{ONE}{'x' * 190} {'y ' * 200}",
}


@pytest.mark.parametrize("name", LIMITED)
def test_what_multiplies_is_counted(name: str) -> None:
    error = refused(lambda: cs.read(LIMITED[name]))
    assert isinstance(error, LimitError)
    assert "--raise-limits" in error.attempt
    assert error.written


@pytest.mark.parametrize("name", READ)
def test_what_is_long_or_large_is_read(name: str) -> None:
    assert len(answered(lambda: cs.read(READ[name])))


@pytest.mark.parametrize("name", LARGE)
def test_a_large_net_is_read(name: str) -> None:
    assert len(cs.read(LARGE[name])) > 5000


@pytest.mark.parametrize("name", WRONG)
def test_a_hint_costs_no_more_than_the_error(name: str) -> None:
    assert isinstance(refused(lambda: cs.read(WRONG[name])), NotationError)


def test_the_user_raises_a_limit_and_the_text_cannot() -> None:
    text = f"{ONE}50000*( relu )"
    with pytest.raises(LimitError):
        cs.read(text)
    with cs.raise_limits(3):
        assert len(cs.read(text)) == 50_000
    with pytest.raises(LimitError):
        cs.read(text)
    for times in (0.5, float("nan"), -1):
        with pytest.raises(ConvscopeError, match="1 or more"), cs.raise_limits(times):
            pass
