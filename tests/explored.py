"""Nets as pages on disk."""

from pathlib import Path

import convscope as cs
from convscope.core.net import Net
from convscope.explorer.build import document_of, to_json
from convscope.explorer.page import one_file

WIDE, NARROW = "conv 16 3x3 p1 bn", "conv 32 3x3 p1 bn"
NETS = {
    "small": (
        "input 28x28x1, conv 16 3x3 bn relu, conv 32 3x3 bn relu, maxpool 2, conv 10 1x1, conv 16 3x3 bn relu, gap, "
        "linear 10"
    ),
    "residual": (
        f"input 32x32x3, {WIDE} relu, 5*( add( {WIDE} relu, {WIDE} | id ), relu ), "
        f"add( conv 32 3x3 s2 p1 bn relu, {NARROW} | conv 32 1x1 s2 bn ), relu, "
        f"5*( add( {NARROW} relu, {NARROW} | id ), relu ), gap, linear 10"
    ),
    "inception": (
        "input 28x28x32, cat( conv 16 1x1 | conv 16 3x3 p1 | conv 8 3x1 p1x0, conv 16 1x3 p0x1 | maxpool 3 s1 p1 ), "
        "gap, linear 10"
    ),
    "unet": (
        "input 64x64x3, conv 8 3x3 same relu, cat( id | maxpool 2, conv 16 3x3 same relu, "
        "cat( id | maxpool 2, conv 32 3x3 same relu, up 2 ), conv 16 3x3 same relu, up 2 ), "
        "conv 8 3x3 same relu, conv 2 1x1"
    ),
    "line": "input 64x4, conv 8 5 relu, maxpool 2, conv 16 3, gap, linear 2",
}
"""Nets that differ in what they ask of a drawing."""


def net_of(name: str) -> Net:
    """Return one of the nets."""
    return cs.read(NETS[name])


def saved(net: Net, folder: Path, title: str = "A net") -> str:
    """Write the page of a net; return its address."""
    path = folder / "page.html"
    path.write_text(one_file(title, to_json(document_of(net, title=title))), encoding="utf-8")
    return path.as_uri()


def plain(text: str | None) -> str:
    """Return a text of the page with the letter x and a hyphen for what it writes between numbers."""
    return str(text).replace("\u00d7", "x").replace("\u2013", "-")
