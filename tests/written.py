"""Nets for the tests of the writers, and comparing what a writer made with the net itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from hypothesis import strategies as st

import convscope as cs
from convscope import testing
from convscope.backends.torch import TorchNet
from convscope.core.graph import INPUT, Graph, Node
from convscope.core.net import Net
from convscope.core.op import REGISTRY, Op
from convscope.ops.linear import Linear
from convscope.ops.tensor import Rearrange

if TYPE_CHECKING:
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
    return f"input 32x32x1, {double(8)}, cat( id | maxpool 2, {double(16)}, {deep}, convt 8 2 s2 ), {double(8)}, conv 2 1x1"


def _mobile() -> str:
    parts = ["input 32x32x3", "conv 8 3x3 s2 p1 nobias bn relu6"]
    for i, o, s in ((8, 12, 2), (12, 12, 1), (12, 16, 2), (16, 16, 1), (16, 16, 1)):
        body = f"conv {6 * i} 1x1 nobias bn relu6, conv {6 * i} 3x3 s{s} p1 g{6 * i} nobias bn relu6, conv {o} 1x1 nobias bn"
        parts.append(f"add( {body} | id )" if i == o else body)
    return ", ".join([*parts, "gap, linear 10"])


def _dense() -> str:
    layers = "4*( cat( id | bn relu, conv 16 1x1 nobias bn relu, conv 4 3x3 p1 nobias ) )"
    return f"input 16x16x3, conv 8 3x3 p1 nobias, {layers}, bn relu, conv 12 1x1 nobias, avgpool 2, {layers}, bn relu, gap, linear 10"


NETS = {
    "lenet": "input 28x28x1, conv 6 5x5 p2 tanh, avgpool 2, conv 16 5x5 tanh, avgpool 2, linear 120 tanh, linear 10",
    "resnet": _resnet(),
    "inception": _inception(),
    "unet": _unet(),
    "mobile": _mobile(),
    "dense": _dense(),
    "squeeze": "input 16x16x3, conv 16 3x3 p1 relu, 3*( add( conv 16 3x3 p1 bn relu, conv 16 3x3 p1 bn, "
    "mul( id | gap, linear 4 relu, linear 16 sigmoid ) | id ) relu ), gap, linear 10",
    "dilated": "input 24x24x3, 3*( conv 8 3x3 p1 bn relu ), conv 8 3x3 p2 d2 bn relu, conv 8 3x3 p4 d4 bn relu, conv 3 1x1",
    "line": "input 60x2, 3*( conv 8 5 same bn relu, maxpool 2 ), gap, linear 3",
    "volume": "input 8x8x8x1, conv 4 3 p1 bn relu, add( conv 4 3 p1 bn | id ) relu, avgpool 2, linear 3",
    "transformer": "input 16x16x3, conv 24 4x4 s4, 3*( add( ln, attention 4 | id ), add( ln, conv 48 1x1 gelu, conv 24 1x1 "
    "| id ) ), ln, gap, linear 10",
    "labels": "input 12x12x3, stem: conv 8 3x3 p1 relu, a: conv 8 3x3 p1 relu, b: conv 8 3x3 p1 relu, "
    "add( from stem | from a | from b ), conv 8 3x3 p1, cat( id | from a ), gap, linear 4",
    "unread": "input 8x8x3, a: conv 4 3x3 p1 relu, b: conv 5 3x3 p1 relu, conv 2 1x1, from a, conv 6 3x3",
    "numbers": "input 20, linear 16 relu, 2*( add( linear 16 bn relu | id ) ), dropout, linear 4 softmax",
}
"""Nets of the kinds that people write."""


def _conv(out: int, kernel: int, stride: int = 1, tail: str = " bn relu", groups: int = 1) -> str:
    pad = f" p{kernel // 2}" if kernel > 1 else ""
    return f"conv {out} {kernel}x{kernel} s{stride}{pad} g{groups}{tail}"


def _residual(i: int, o: int, s: int, k: int, d: int) -> str:
    short = "id" if i == o and s == 1 and d % 3 else _conv(o, 1, s, " bn" if d % 2 else "")
    return f"add( {_conv(o, k, s)}, {_conv(o, 3, tail=' bn')} | {short} ) relu"


def _bottleneck(i: int, o: int, s: int, k: int, d: int) -> str:
    inner = max(1, o // 2)
    short = "id" if i == o and s == 1 else _conv(o, 1, s, " bn")
    return f"add( {_conv(inner, 1)}, {_conv(inner, k, s)}, {_conv(o, 1, tail=' bn')} | {short} ) relu"


def _inverted(i: int, o: int, s: int, k: int, d: int) -> str:
    body = f"{_conv(2 * i, 1)}, {_conv(2 * i, k, s, groups=2 * i)}, {_conv(o, 1, tail=' bn')}"
    return f"add( {body} | id )" if i == o and s == 1 and d != 7 else body


def _branches(i: int, o: int, s: int, k: int, d: int) -> str:
    tail = ", maxpool 2 ceil" if s > 1 else ""
    return f"cat( {_conv(o // 2, 1)} | {_conv(d % 3 + 1, 1)}, {_conv(o - o // 2, k)} ){tail}"


def _gated(i: int, o: int, s: int, k: int, d: int) -> str:
    body = f"{_conv(o, k, s)}, mul( id | gap, linear {o // 2} relu, linear {o} sigmoid )"
    return f"add( {body} | id )" if i == o and s == 1 else body


def _growing(i: int, o: int, s: int, k: int, d: int) -> str:
    return "cat( id | bn relu conv 4 1x1 bn relu, conv 2 3x3 p1 )"


def _nested(i: int, o: int, s: int, k: int, d: int) -> str:
    return f"add( cat( {_conv(o, 1, tail=' relu')} | {_conv(o, k, tail=' relu')} ), conv {i} 1x1 | id )"


BLOCKS: dict[Any, Any] = {
    _residual: lambda i, o: o,
    _bottleneck: lambda i, o: o,
    _inverted: lambda i, o: o,
    _branches: lambda i, o: o,
    _gated: lambda i, o: o,
    _growing: lambda i, o: i + 2,
    _nested: lambda i, o: i,
    lambda i, o, s, k, d: _conv(o, k, s): lambda i, o: o,
    lambda i, o, s, k, d: f"conv {o} {k + 1} s{s} same relu": lambda i, o: o,
    lambda i, o, s, k, d: f"{_conv(o, 3)}, {_conv(o, 3)}" + (", maxpool 2 ceil" * (s > 1)): lambda i, o: o,
}
"""Blocks of channels in and out, stride, kernel and a number for small differences; and the channels that they make."""


@st.composite
def repeating_texts(draw: st.DrawFn) -> str:
    """A net of blocks that come back with other numbers."""
    blocks = draw(st.lists(st.sampled_from(list(BLOCKS)), min_size=1, max_size=3))
    channels = draw(st.integers(2, 4))
    parts = [f"input 16x16x{channels}"]
    for _ in range(draw(st.integers(1, 4))):
        out = min(draw(st.sampled_from([channels, channels, 2 * channels, 4, 6])), 16)
        stride, kernel = draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([3, 3, 3, 5, 1]))
        for block in blocks:
            parts.append(block(channels, out, stride, kernel, draw(st.sampled_from([1, 1, 2, 3, 7]))))
            channels, stride = BLOCKS[block](channels, out), 1
            for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
                parts.append(block(channels, out, 1, kernel, 1))
                channels = BLOCKS[block](channels, out)
    return ", ".join(parts + draw(st.sampled_from([["gap, linear 3"], [], ["linear 4"]])))


EXAMPLES = [(made, example) for made in REGISTRY.values() for example in made.examples]
"""Every op with its own examples."""


def net_of(made: type[Op], example: Example) -> Net:
    """The op alone; a merge behind linear layers that make what it reads."""
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
                    reach = max(1, math.prod(value.shape[1:])) ** -0.5
                    numbers = random.normal(0, reach, tuple(value.shape)) if value.dim() > 1 else random.uniform(0.3, 1.2, tuple(value.shape))
                    value.copy_(torch.from_numpy(np.asarray(numbers)))
                tensors[f"{name}.{key}"] = value.numpy().copy()
    return model, tensors


def sample(net: Net) -> np.ndarray[Any, Any]:
    """Two inputs ``n c h w``."""
    return np.random.default_rng(1).uniform(0.1, 1.5, (2, *net.input)) * np.where(np.arange(2) % 2, -1, 1).reshape(2, *(1,) * len(net.input))


def texts(text: str) -> Net:
    """A net from its text."""
    return cs.read(text)
