"""Texts in the notation that use all of it, and texts that are not, with what Python says of each."""

from __future__ import annotations

from typing import Any

from convscope.errors import ConvscopeError
from convscope.frontends import read

GOOD = """\
input 28x28x1, conv 16 3x3 bn relu dropout relu sigmoid tanh id, (3x3x16)x32 s2, linear 10 # the end

input 20\N{MULTIPLICATION SIGN}24\N{MULTIPLICATION SIGN}3
# a stem
stem: conv 8 3x3 p0:1x2 nobias, bn,
3*( conv 8 3x3 same relu )
add( id | from stem, maxpool 1 )

input 9x9x4, add( conv 4 3x3 p1 bn relu, conv 4 3 p1 | id ) relu
cat( id | add( id | conv 4 1x1 ) | avgpool 3 s1 p1 )

rgb: input 8x8x3, "depth map": input 8x8x1 int, a: conv 2 1x1, from "depth map", "b/c d": conv 2 1x1
mul( from a | from "b/c d" ), output dict( sum: id | "b/c d": from "b/c d" )

input 16x8, conv 4 3 s2 valid, up 2, relu1: relu, relu
from conv1, gap, linear 3 relu, output tuple( id | from relu2 )

input 8x8x6, mul( id | gap, linear 2 relu, linear 6 sigmoid ), shuffle 2, take 0:4:2, resize 9x7 bilinear, crop 1, gap

input 12x12x2, a: relu, b: from a tanh, c: from a sigmoid, d: add( from b | from c ), e: add( from a | from d )
f: add( from e | from b ), linear 2 nobias, softmax, output from f named features

input 8x8x1, pad 2 reflect, slice s2 o1, threshold -1 clamp -0.5 1e5 leaky_relu 1e-5, prelu 1, scale 1x1x1, gn 1 e0.001

input 6x6x8, pixelshuffle 2, take 0:1

a: input 6x9x2, b: input 6x9x1, left: conv 2 1x1, from b, right: conv 2 1x1
cat along1( from left | from right ), conv 3 3x3 p1
""".strip().split("\n\n")
"""Texts in the notation."""

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
    "input 8x8x1, conv 8 3x3 S2 relu",
    "input 8x8x1, relu8",
    "input 8x8x1, relu1: tanh, relu",
    "input 8x8x1, a: relu, tanh, from relu1, tanh",
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
