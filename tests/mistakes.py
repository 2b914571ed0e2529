"""Texts that are not in the notation, and what Python says of each."""

from __future__ import annotations

from typing import Any

from convscope.errors import ConvscopeError
from convscope.frontends import read

BAD = (
    "",
    "conv 3 3x3",
    "input",
    "input 8x8",
    "input 8x8x1, input 8x8x1",
    "input 8x8x1, cnov 3 3x3",
    "input 8x8x1, conv 3",
    "input 8x8x1, conv 3 3x3 s2 s3",
    "input 8x8x1, conv 3 3x3 3",
    "input 8x8x1, conv 3 3x3 stride=2",
    "input 8x8x1, conv 3 3x3 same=1",
    "input 8x8x1, Dense 10",
    "input 8x8x1, dwconv 3x3 s2",
    "input 8x8x1, sepconv 8 3x3",
    "input 8x8x1, add( relu )",
    "input 8x8x1, add( relu | )",
    "input 8x8x1, add( relu | id",
    "input 8x8x1, 3*( )",
    "input 8x8x1, 0*( relu )",
    "input 8x8x1, x*( relu )",
    "input 8x8x1, 3*relu",
    "input 8x8x1, conv 4 3*3",
    "input 8x8x1, from nowhere",
    "input 8x8x1, a: relu, a: relu",
    "input 8x8x1, a: from input, relu",
    "input 8x8x1, relu,, relu",
    "input 8x8x1\nrelu\nconv 4 3x3 p1:2:3",
    "input 8x8x1, conv 4 3x3 p1x",
    "input 8x8x1, from",
    "input 8x8x1; relu",
    "input 8x8x1, relu €",
    'input 8x8x1, "a: relu',
    'input 8x8x1, "": relu',
    "input 8x8x1, relu )",
    "input 8x8x1, ( relu )",
    "input 8x8x1, dropout 1.5",
    "input 8x8x1, conv 0 3x3",
    "input 8x8x1, conv 4 99999999999",
    "input 8x8x0, relu",
    "input 1x2x3x4x5, relu",
    "input 8x8x1, relu, input 8x8x1",
    "input 8x8x1, relu, Input 3",
    "input 8x8x1, (3x3x1)x4 s2 frob",
    "input 8x8x1, (3)x4",
    "input 8x8x1, relu, output",
    "input 8x8x1, 28x28",
    "input 8x8x1, relu, output tuple( from relu1 | ",
    "input 8x8x1, relu, output dict( relu1 )",
    "input 8x8x1, maxpool",
    "input 8x8x1, conv 16 3x3 relu bn maxpool 2 convt 8 4 s2 same",
    "input 8x8x1, conv 16 3 3",
    "input 8x8x1 relu",
    "input 8x8x1, se 4",
    "input 8x8x1, upsample 2 bilinear",
    "input 8x8x1, res",
    "input 8x8x1, 2x",
    "input 8x8x1, up 2 linear",
    "input 8x8x1, conv 8 3x3 usebias=false",
    "input 8x8x1, conv 8 3x3 bias",
    "input 8x8x1, conv 8 3X3",
    "input 8x8x1, relu8",
    "input 8x8x1, relu1: tanh, relu",
    "input 8x8x1, relu\n  tanh\n  cnov 3",
    "input 8x8x1, conv 3x3 16",
    "input x, relu",
)
"""Texts that are not in the notation."""


def mistakes() -> list[dict[str, Any]]:
    """Return the error of each of these texts: what, where, what was expected, what to try."""
    found: list[dict[str, Any]] = []
    for text in BAD:
        try:
            read(text)
        except ConvscopeError as error:
            place = error.written.removeprefix("<text>:").split("  ")[0].split(":") if error.written else []
            told = {"what": error.what, "place": list(map(int, place)), "expected": error.expected}
            found.append({"text": text, **told, "attempt": error.attempt})
        else:
            raise AssertionError(f"{text} is in the notation")
    return found
