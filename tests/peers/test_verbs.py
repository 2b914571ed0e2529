"""One model of each family of timm through every public verb: a result, or a refusal in clear words."""

import tomllib
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import convscope as cs
from convscope.errors import ConvscopeError
from peers import zoo
from verbs import VERBS, refusals

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        find_spec("torchvision") is None or find_spec("timm") is None, reason="torchvision or timm is not installed"
    ),
]
FAMILIES = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))["families"]

LARGE = {"to onnx", "report", "fields"}
"""Verbs that need the weights, or ask about many units: too slow for models of this size."""

ALWAYS = {"table", "check", "support", "memory", "compare", "to notation", "to dot"}
"""Verbs that no model of the zoo is refused by."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The zoos warn about each other's names."""
    zoo.make_importable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_each_family(family: str) -> None:
    module = zoo.made("timm", FAMILIES[family])
    try:
        net = cs.read(module, input=(1, *zoo.sizes("timm", FAMILIES[family], module)))
    except ConvscopeError as error:
        pytest.skip(str(error))
    refused = refusals(net, {name: verb for name, verb in VERBS.items() if name not in LARGE})
    assert not ALWAYS & refused.keys(), refused
    last = net.table().rows[-1]
    assert any(axis.size for axis in last.gated), last
