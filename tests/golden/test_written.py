"""What written nets look like; that they compute the same is checked in the unit tests."""

import pytest

import convscope as cs
from golden.golden import same_as_golden
from written import NETS


@pytest.mark.parametrize("name", ["resnet", "inception", "unet", "mobile", "dense", "transformer", "lenet"])
@pytest.mark.parametrize("to", ["torch", "keras"])
def test_code(name: str, to: str) -> None:
    same_as_golden(f"written/{name}-{to}.txt", str(cs.write(cs.read(NETS[name]), to=to)).rstrip("\n"))


def test_graph() -> None:
    net = cs.read("input 8x8x4, b.0.conv: conv 4 3x3 p1, b.0.relu: relu, b.1: conv 4 1x1, add( from b.0.conv | id )")
    same_as_golden("written/frames-dot.txt", str(cs.write(net, to="dot")).rstrip("\n"))
