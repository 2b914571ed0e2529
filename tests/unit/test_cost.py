"""Unknown is not zero."""

from dataclasses import dataclass
from typing import Any

import pytest

import convscope as cs
from convscope.analyze.cost import Total, total
from convscope.core.graph import INPUT, Graph, Node
from convscope.core.net import Net
from convscope.core.op import Op, along
from convscope.errors import UnknownNameError
from convscope.ops.conv import Conv


@dataclass(frozen=True)
class Mystery(Op):
    """An op of which only the shape is known."""

    keyword = "mystery"

    def check(self, inputs: Any) -> None:
        """Every input fits."""

    def axes(self, inputs: Any) -> Any:
        return (along(inputs[0]),)

    def weights(self, inputs: Any) -> None:
        return None

    def macs(self, inputs: Any, output: Any) -> None:
        return None


@pytest.fixture
def net() -> Net:
    nodes = (Node("conv1", Conv(16, (3, 3)), (INPUT,)), Node("odd", Mystery(), ("conv1",)))
    return Net.at(Graph(nodes), (1, 28, 28))


def test_an_unknown_part_makes_the_total_a_lower_bound(net: Net) -> None:
    table = net.table()
    assert (table.rows[1].params, table.rows[1].macs) == (None, None)
    assert table.params == Total(160, ("odd",))
    assert not table.macs.exact
    text = table.to_text()
    assert text.splitlines()[2].split()[:5] == ["odd", "mystery", "26x26x16", "unknown", "unknown"]
    assert "params ≥ 160 · MACs ≥ 97,344 (97.3 k)" in text
    assert "unknown, so not in the totals: odd" in text


def test_as_data_unknown_is_null_and_named(net: Net) -> None:
    data = net.table().to_json()
    assert (data["rows"][1]["params"], data["rows"][1]["macs"]) == (None, None)
    assert data["total"] == {
        "params": 160, "trained": 160, "frozen": 0, "macs": 97344, "activation_bytes": 2 * 43264,
        "stored_bytes": 640, "exact": False, "missing": ["odd"],
    }  # fmt: skip


def test_a_known_zero_is_a_zero() -> None:
    assert total([("relu1", 0)]) == Total(0)
    assert cs.read("input 8x8x1, relu").table().params == Total(0)


def test_a_graph_refuses_names_that_are_not_there_or_taken() -> None:
    with pytest.raises(UnknownNameError, match="conv2 reads"):
        Graph((Node("conv1", Conv(1, (3,)), (INPUT,)), Node("conv2", Conv(1, (3,)), ("conv3",))))
    with pytest.raises(ValueError, match="two nodes"):
        Graph((Node("a", Conv(1, (3,)), (INPUT,)), Node("a", Conv(1, (3,)), ("a",))))
    with pytest.raises(ValueError, match="at least one"):
        Graph(())
