"""One model of each family of timm: params and MACs as torch counts them, and no public verb falls."""

import tomllib
from pathlib import Path

import pytest

import convscope as cs
from peers import zoo
from share import share
from verbs import VERBS, refusals

pytestmark = zoo.NEEDED
FAMILIES = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))["families"]

LARGE = {"to onnx", "report", "fields"}
"""Verbs that need the weights, or ask about many units: too slow for models of this size."""

ALWAYS = {"table", "check", "support", "memory", "compare", "to notation", "to dot"}
"""Verbs that no model of the zoo is refused by."""


@pytest.mark.parametrize("family", share(FAMILIES, every=2))
def test_a_model_of_each_family(family: str) -> None:
    module = zoo.made("timm", FAMILIES[family])
    shape = zoo.sizes("timm", FAMILIES[family], module)
    net = cs.read(module, input=(1, *shape))
    table = net.table()
    assert table.params.exact
    assert table.params.value == sum(parameter.numel() for parameter in module.parameters())
    counted = zoo.multiply_adds(module, shape)
    assert table.macs.value == counted or (counted is None and family == "convit")
    refused = refusals(net, {name: verb for name, verb in VERBS.items() if name not in LARGE})
    assert not ALWAYS & refused.keys(), refused
    assert any(axis.size for axis in table.rows[-1].gated), table.rows[-1]
