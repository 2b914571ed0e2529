"""Nets for the tests of the writers, and comparing what a writer made with the net itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st

from convscope import testing
from convscope.backends.torch import TorchNet
from convscope.core.graph import INPUT, Graph, Node
from convscope.core.net import Net
from convscope.core.op import REGISTRY, Op
from convscope.ops.linear import Linear
from convscope.ops.tensor import Rearrange

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Example
    from convscope.core.shape import Shape

    Tensors = dict[str, np.ndarray[Any, Any]]


def _resnet() -> str:
    stages = ", ".join(
        f"add( conv {c} 3x3 s2 p1 nobias bn relu, conv {c} 3x3 p1 nobias bn | conv {c} 1x1 s2 nobias bn ) relu, "
        f"add( conv {c} 3x3 p1 nobias bn relu, conv {c} 3x3 p1 nobias bn | id ) relu"
        for c in (16, 32, 64)
    )
    return (
        "input 64x64x3, conv 8 7x7 s2 p3 nobias bn relu, maxpool 3 s2 p1, "
        f"2*( add( conv 8 3x3 p1 nobias bn relu, conv 8 3x3 p1 nobias bn | id ) relu ), {stages}, gap, linear 10"
    )


def _inception() -> str:
    sizes = ((16, 24, 32, 4, 8, 8), (32, 32, 48, 8, 24, 16), (48, 24, 52, 4, 12, 16))
    blocks = ", maxpool 3 s2 p1, ".join(
        f"cat( conv {a} 1x1 relu | conv {b} 1x1 relu, conv {c} 3x3 p1 relu "
        f"| conv {d} 1x1 relu, conv {e} 5x5 p2 relu | maxpool 3 s1 p1, conv {f} 1x1 relu )"
        for a, b, c, d, e, f in sizes
    )
    return f"input 28x28x3, {blocks}, gap, dropout 0.4, linear 10"


def _unet() -> str:
    def double(channels: int) -> str:
        return f"2*( conv {channels} 3x3 p1 bn relu )"

    deep = f"cat( id | maxpool 2, {double(32)}, convt 16 2 s2 ), {double(16)}"
    whole = f"cat( id | maxpool 2, {double(16)}, {deep}, convt 8 2 s2 ), {double(8)}"
    return f"input 32x32x1, {double(8)}, {whole}, conv 2 1x1"


def _mobile() -> str:
    parts = ["input 32x32x3", "conv 8 3x3 s2 p1 nobias bn relu6"]
    for i, o, s in ((8, 12, 2), (12, 12, 1), (12, 16, 2), (16, 16, 1), (16, 16, 1)):
        deep = f"conv {6 * i} 3x3 s{s} p1 g{6 * i} nobias bn relu6"
        body = f"conv {6 * i} 1x1 nobias bn relu6, {deep}, conv {o} 1x1 nobias bn"
        parts.append(f"add( {body} | id )" if i == o else body)
    return ", ".join([*parts, "gap, linear 10"])


def _dense() -> str:
    layers = "4*( cat( id | bn relu, conv 16 1x1 nobias bn relu, conv 4 3x3 p1 nobias ) )"
    between = "bn relu, conv 12 1x1 nobias, avgpool 2"
    return f"input 16x16x3, conv 8 3x3 p1 nobias, {layers}, {between}, {layers}, bn relu, gap, linear 10"


NETS = {
    "lenet": "input 28x28x1, conv 6 5x5 p2 tanh, avgpool 2, conv 16 5x5 tanh, avgpool 2, linear 120 tanh, linear 10",
    "resnet": _resnet(),
    "inception": _inception(),
    "unet": _unet(),
    "mobile": _mobile(),
    "dense": _dense(),
    "squeeze": "input 16x16x3, conv 16 3x3 p1 relu, 3*( add( conv 16 3x3 p1 bn relu, conv 16 3x3 p1 bn, "
    "mul( id | gap, linear 4 relu, linear 16 sigmoid ) | id ) relu ), gap, linear 10",
    "dilated": "input 24x24x3, 3*( conv 8 3x3 p1 bn relu ), conv 8 3x3 p2 d2 bn relu, conv 8 3x3 p4 d4 bn relu, "
    "conv 3 1x1",
    "line": "input 60x2, 3*( conv 8 5 same bn relu, maxpool 2 ), gap, linear 3",
    "volume": "input 8x8x8x1, conv 4 3 p1 bn relu, add( conv 4 3 p1 bn | id ) relu, avgpool 2, linear 3",
    "transformer": "input 16x16x3, conv 24 4x4 s4, 3*( add( ln, attention 4 | id ), "
    "add( ln, conv 48 1x1 gelu, conv 24 1x1 | id ) ), ln, gap, linear 10",
    "labels": "input 12x12x3, stem: conv 8 3x3 p1 relu, a: conv 8 3x3 p1 relu, b: conv 8 3x3 p1 relu, "
    "add( from stem | from a | from b ), conv 8 3x3 p1, cat( id | from a ), gap, linear 4",
    "unread": "input 8x8x3, a: conv 4 3x3 p1 relu, b: conv 5 3x3 p1 relu, conv 2 1x1, from a, conv 6 3x3",
    "gates": "input 9x9x2, 2*( conv 4 3x3 relu, add( conv 4 3x3 same | gap, linear 3 relu, linear 4 ) ), "
    "add( gap, linear 4 | id ), linear 2",
    "numbers": "input 20, linear 16 relu, 2*( add( linear 16 bn relu | id ) ), dropout, linear 4 softmax",
}
"""Nets of the kinds that people write."""


class Spot(NamedTuple):
    """Where a block stands: channels, stride, kernel, and a number for small differences."""

    given: int
    made: int
    stride: int
    kernel: int
    kind: int

    @property
    def keeps(self) -> bool:
        return self.given == self.made and self.stride == 1


def _conv(out: int, kernel: int, stride: int = 1, tail: str = " bn relu", groups: int = 1) -> str:
    pad = f" p{kernel // 2}" if kernel > 1 else ""
    return f"conv {out} {kernel}x{kernel} s{stride}{pad} g{groups}{tail}"


def _residual(at: Spot) -> str:
    short = "id" if at.keeps and at.kind % 3 else _conv(at.made, 1, at.stride, " bn" if at.kind % 2 else "")
    return f"add( {_conv(at.made, at.kernel, at.stride)}, {_conv(at.made, 3, tail=' bn')} | {short} ) relu"


def _bottleneck(at: Spot) -> str:
    inner = max(1, at.made // 2)
    short = "id" if at.keeps else _conv(at.made, 1, at.stride, " bn")
    body = f"{_conv(inner, 1)}, {_conv(inner, at.kernel, at.stride)}, {_conv(at.made, 1, tail=' bn')}"
    return f"add( {body} | {short} ) relu"


def _inverted(at: Spot) -> str:
    inner = 2 * at.given
    middle = _conv(inner, at.kernel, at.stride, groups=inner)
    body = f"{_conv(inner, 1)}, {middle}, {_conv(at.made, 1, tail=' bn')}"
    return f"add( {body} | id )" if at.keeps and at.kind != 7 else body


def _branches(at: Spot) -> str:
    tail = ", maxpool 2 ceil" if at.stride > 1 else ""
    first, last = at.made // 2, at.made - at.made // 2
    return f"cat( {_conv(first, 1)} | {_conv(at.kind % 3 + 1, 1)}, {_conv(last, at.kernel)} ){tail}"


def _gated(at: Spot) -> str:
    gate = f"mul( id | gap, linear {at.made // 2} relu, linear {at.made} sigmoid )"
    body = f"{_conv(at.made, at.kernel, at.stride)}, {gate}"
    return f"add( {body} | id )" if at.keeps else body


def _growing(_: Spot) -> str:
    return "cat( id | bn relu conv 4 1x1 bn relu, conv 2 3x3 p1 )"


def _nested(at: Spot) -> str:
    paths = f"{_conv(at.made, 1, tail=' relu')} | {_conv(at.made, at.kernel, tail=' relu')}"
    return f"add( cat( {paths} ), conv {at.given} 1x1 | id )"


def _single(at: Spot) -> str:
    return _conv(at.made, at.kernel, at.stride)


def _uneven(at: Spot) -> str:
    return f"conv {at.made} {at.kernel + 1} s{at.stride} same relu"


def _double(at: Spot) -> str:
    return f"{_conv(at.made, 3)}, {_conv(at.made, 3)}" + (", maxpool 2 ceil" if at.stride > 1 else "")


BLOCKS = (_residual, _bottleneck, _inverted, _branches, _gated, _growing, _nested, _single, _uneven, _double)


def _out(block: Callable[[Spot], str], at: Spot) -> int:
    """Channels that a block makes."""
    return {_growing: at.given + 2, _nested: at.given}.get(block, at.made)


@st.composite
def repeating_texts(draw: st.DrawFn) -> str:
    """A net of blocks that come back with other numbers."""
    blocks = draw(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=3))
    channels = draw(st.integers(2, 4))
    parts = [f"input 16x16x{channels}"]
    for _ in range(draw(st.integers(1, 4))):
        out = min(draw(st.sampled_from([channels, channels, 2 * channels, 4, 6])), 16)
        stride, kernel = draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([3, 3, 3, 5, 1]))
        for block in blocks:
            kind = draw(st.sampled_from([1, 1, 2, 3, 7]))
            for again in range(1 + draw(st.sampled_from([0, 0, 1, 2, 4]))):
                spot = Spot(channels, out, 1 if again else stride, kernel, 1 if again else kind)
                parts.append(block(spot))
                channels = _out(block, spot)
            stride = 1
    return ", ".join(parts + draw(st.sampled_from([["gap, linear 3"], [], ["linear 4"]])))


EXAMPLES = [(made, example) for made in REGISTRY.values() for example in made.examples]
"""Every op with its own examples."""


def net_of(made: type[Op], example: Example) -> Net:
    """The op alone; a merge after linear layers that make what it reads."""
    op = testing.op_from_text(example.text, example.inputs)
    assert isinstance(op, made)
    if not op.merges:
        return Net.at(Graph((Node("it", op, (INPUT,)),)), example.inputs[0])
    nodes = [part for at, shape in enumerate(example.inputs) for part in _shaped(at, shape)]
    inputs = tuple(f"shaped{at}" for at in range(len(example.inputs)))
    return Net.at(Graph((*nodes, Node("it", op, inputs))), (3,))


def _shaped(at: int, shape: Shape) -> tuple[Node, Node]:
    letters = "abcd"[: len(shape)]
    spec = "".join(f"{letter}{size}" for letter, size in zip(letters, shape, strict=True)) + f":{'x'.join(letters)}"
    line = Node(f"linear{at}", Linear(math.prod(shape)), (INPUT,))
    return line, Node(f"shaped{at}", Rearrange(spec), (line.name,))


def filled(net: Net, seed: int = 0) -> tuple[TorchNet, Tensors]:
    """The net with random weights and statistics far from their start, and these by ``layer.tensor``."""
    random = np.random.default_rng(seed)
    model = TorchNet(net).double().eval()
    tensors: Tensors = {}
    with torch.no_grad():
        for name, part in zip(model.names, model.parts, strict=True):
            for key, value in part.state_dict().items():
                if value.is_floating_point():
                    value.copy_(torch.from_numpy(_numbers(random, tuple(value.shape))))
                tensors[f"{name}.{key}"] = value.numpy().copy()
    return model, tensors


def _numbers(random: np.random.Generator, shape: Shape) -> np.ndarray[Any, Any]:
    """Matrices that keep the size of what they are given; vectors of positive numbers."""
    if len(shape) < 2:
        return np.asarray(random.uniform(0.3, 1.2, shape))
    return np.asarray(random.normal(0, math.prod(shape[1:]) ** -0.5, shape))


def sample(net: Net) -> np.ndarray[Any, Any]:
    """Two inputs ``n c h w``, one positive and one negative."""
    given = np.random.default_rng(1).uniform(0.1, 1.5, (2, *net.input))
    given[1] *= -1
    return given
