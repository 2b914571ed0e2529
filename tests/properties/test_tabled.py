"""The table, the exact supports and gradients of random modules agree, and part where the table is wrong."""

import pytest
from hypothesis import HealthCheck, given, settings

import convscope as cs
from convscope.analyze import lines
from spatial import Spatial, Step, spatial

MODULES = 200
PANORAMA = [("around", 3, 1), ("plain", 2, 1), ("around", 3, 1), ("plain", 2, 1)]


@pytest.mark.slow
@settings(max_examples=MODULES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(spatial())
def test_the_fields_of_the_table_are_where_gradients_come_from(case: tuple[str, list[Step]]) -> None:
    size, steps = case
    found = cs.verify(Spatial(steps), input=size, units=4)
    assert found.passed, f"{size} {steps}\n{found}"


def test_a_sum_in_the_place_of_a_join_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cs.verify(Spatial(PANORAMA), input="12x16x2", units=2).passed
    monkeypatch.setattr(lines, "seam_axis", lambda _: None)
    found = cs.verify(Spatial(PANORAMA), input="12x16x2", units=2)
    assert not found.passed
    assert "the table" in str(found)
