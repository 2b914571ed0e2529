"""The table, the exact supports and gradients of random modules agree, and part where the table is wrong."""

import pytest
from hypothesis import HealthCheck, assume, given, settings

import convscope as cs
from convscope.analyze import lines
from convscope.errors import ConvscopeError
from spatial import Spatial, Step, spatial
from strategies import many_texts

MODULES = 200
PANORAMA = [("around", 3, 1), ("plain", 2, 1), ("around", 3, 1), ("plain", 2, 1)]


@pytest.mark.slow
@settings(max_examples=MODULES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(spatial())
def test_the_fields_of_the_table_are_where_gradients_come_from(case: tuple[str, list[Step]]) -> None:
    size, steps = case
    found = cs.verify(Spatial(steps), input=size, units=4)
    assert found.passed, f"{size} {steps}\n{found}"


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(many_texts())
def test_so_are_those_on_each_of_several_inputs(text: str) -> None:
    try:
        net = cs.read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    found = cs.verify(net, units=2)
    assert found.passed, f"{text}\n{found}"
    assert {"a", "b"} <= set(" ".join(check.what for check in found.checks).split()), found


def test_a_sum_in_the_place_of_a_join_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cs.verify(Spatial(PANORAMA), input="12x16x2", units=2).passed
    monkeypatch.setattr(lines, "seam_axis", lambda _: None)
    found = cs.verify(Spatial(PANORAMA), input="12x16x2", units=2)
    assert not found.passed
    assert "the table" in str(found)
