"""Drawings of nets, stored: parallel paths, and folded blocks in rows."""

import pytest

import convscope as cs
from golden.golden import same_as_golden

PATHS = (
    "input 32x32x3, conv 32 3x3 p1 bn relu, cat( conv 16 1x1 relu | conv 16 1x1 relu, conv 24 3x3 p1 relu "
    "| maxpool 3 s1 p1, conv 8 1x1 relu ), maxpool 2, conv 64 3x3 bn relu, gap, linear 10"
)
FOLDED = (
    "input 32x32x3, stem: conv 16 3x3 same, bn relu, "
    "a.sum: add( a.x: conv 16 3x3 same, bn relu, a.y: conv 16 3x3 same, bn | id ), relu, "
    "b.sum: add( b.x: conv 32 3x3 s2 p1, bn relu, b.y: conv 32 3x3 same, bn | b.z: conv 32 1x1 s2 ), relu, "
    "gap, linear 10"
)


@pytest.mark.parametrize(("name", "text", "fold"), [("paths", PATHS, None), ("folded", FOLDED, 1)])
def test_drawing(name: str, text: str, fold: int | None) -> None:
    same_as_golden(f"figures/draw-{name}.svg", cs.draw(text, fold=fold).to_svg().rstrip("\n"))
