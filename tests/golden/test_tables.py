"""What tables look like, in each format; the numbers are checked for themselves in the unit tests."""

import json

import pytest

import convscope as cs
from golden.golden import same_as_golden

NETS = {
    "course": "input 28x28x1, conv 16 3x3 bn relu, conv 32 3x3 bn relu, maxpool 2, conv 10 1x1, "
    "conv 16 3x3 bn relu, gap, linear 10",
    "gate": "input 32x24x3, conv 8 3x3 p1 relu, mul( id | gap, linear 2 relu, linear 8 sigmoid ), "
    "maxpool 3x2 s2x1, up 2, conv 4 3",
    "branches": "input 16x16x4, add( maxpool 2 | conv 4 9x9 ), cat( conv 2 1x1 | avgpool 3 s1 p1 ), "
    "flatten, linear 5, softmax",
    "line": "input 100x2, conv 8 5 s2 relu, gap, linear 3",
    "dense": "input 784, linear 100 relu, linear 10",
}


@pytest.mark.parametrize("name", NETS)
def test_tables(name: str) -> None:
    table = cs.read(NETS[name]).table()
    same_as_golden(f"tables/{name}.txt", table.to_text())
    same_as_golden(f"tables/{name}.md", table.to_markdown())
    same_as_golden(f"tables/{name}.csv", table.to_csv())
    same_as_golden(f"tables/{name}.json", json.dumps(table.to_json(), indent=1, ensure_ascii=False))


def test_pages_and_metrics() -> None:
    table = cs.read(NETS["gate"]).table()
    same_as_golden("tables/gate.html", table.to_html())
    same_as_golden("tables/gate.netron.json", json.dumps(table.to_netron(), indent=1, ensure_ascii=False))
