"""The recipes that come with the package: what their headers and the reference say is what they are."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import convscope as cs
from convscope.data import find as find_data
from convscope.training.recipe import RECIPES, find

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "recipes.md"
ROWS = {row.split("`")[1]: row for row in REFERENCE.read_text(encoding="utf-8").splitlines() if row.startswith("| `")}
FIGURE = re.compile(r"\d\d\.\d{3} ± \d\.\d{3} %")
BUDGETS = {"tiny-8k": 8_000, "tiny-2k": 2_000, "tiny-700": 700, "fashion-small": 100_000, "cifar10-small": 100_000}


def header(name: str) -> str:
    """What the module of a recipe says of it, on one line."""
    return " ".join((import_module(RECIPES[name]).__doc__ or "").split())


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_listed_under_its_name_and_its_header_has_its_measured_result(name: str) -> None:
    recipe = find(name)
    assert recipe.name == name
    assert header(name).startswith(f"{name}: ")
    measured = header(name).partition("Measured")[2]
    assert FIGURE.search(measured)
    assert re.search(r"\d+ seeds.*torch [\d.]+.*; 20\d\d-\d\d-\d\d", measured)


@pytest.mark.parametrize("name", RECIPES)
def test_the_reference_has_a_row_with_figures_of_the_header(name: str) -> None:
    figures = FIGURE.findall(ROWS[name])
    assert figures
    assert set(figures) <= set(FIGURE.findall(header(name)))


def test_the_reference_has_no_row_of_what_is_not_there() -> None:
    assert set(ROWS) == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_the_net_fits_its_set(name: str) -> None:
    recipe = find(name)
    assert cs.read(recipe.net).input == find_data(recipe.data).shape


@pytest.mark.parametrize("name", BUDGETS)
def test_a_small_net_keeps_its_budget_and_has_the_params_that_header_and_reference_name(name: str) -> None:
    params = cs.read(find(name).net).table().params.value
    assert params < BUDGETS[name]
    assert f"{params:,}" in header(name).split(". ")[0]
    assert f"{params:,} params" in ROWS[name]
