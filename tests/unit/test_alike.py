"""Equal blocks are followed once, and what is found is what following each of them finds."""

from typing import Any

import pytest

import convscope as cs
from convscope.analyze import lines
from convscope.analyze.alike import Alike
from convscope.analyze.field import both_fields

NETS = {
    "1x1 with gates": "input 32x24x8, 9*( add( id | conv 8 1x1, mul( id | gap, conv 8 1x1, sigmoid ) ), gn 4 )",
    "3x3": "input 32x24x8, 9*( add( id | conv 8 3x3 p1 ) )",
    "parts of channels": "input 32x32x8, 5*( cat( take 0:4 | take 4:8, conv 4 3x3 p1 ), shuffle 2 )",
    "tokens": "input 32x32x3, conv 8 4x4 s4, rearrange a8xb8xc8:axbc, "
    "4*( add( id | ln, attention 2 ), add( id | ln, conv 8 1 ) )",
    "rolled": "input 16x16x4, 3*( roll 1x1, conv 4 3x3 p1, up 2, conv 4 2x2 s2 )",
}


@pytest.mark.parametrize("name", NETS)
def test_the_same_is_found_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = cs.read(NETS[name])
    found = both_fields(net)
    monkeypatch.setattr(Alike, "layer", lambda _self, _layer, _before, _how, work: work())
    assert both_fields(net) == found


def test_equal_blocks_are_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = []
    follow = lines._Tracer.layer

    def counted(self: Any, *args: Any) -> Any:
        followed.append(args[0].node.name)
        return follow(self, *args)

    monkeypatch.setattr(lines._Tracer, "layer", counted)
    counts = []
    for blocks in (3, 30):
        followed.clear()
        both_fields(cs.read(NETS["1x1 with gates"].replace("9*", f"{blocks}*")))
        counts.append(len(followed))
    assert counts[0] == counts[1]
