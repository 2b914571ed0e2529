"""Modules as people write them, with inputs and outputs of all kinds: what is written takes and gives the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.core.order import sizes_in
from convscope.frontends.torch.ends import returned
from functional import Functional
from outputs import in_keras, keras_outputs, onnx_outputs, same, torch_outputs
from written import filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.net import Net


@dataclass
class Found:
    """Results as detectors return them."""

    boxes: Tensor
    scores: Tensor
    loss: Any = None


class Case(NamedTuple):
    """A module, and what it is given."""

    build: Callable[[], nn.Module]
    given: dict[str, Any]


class Pair(nn.Module):
    """A function of two tensors."""

    def __init__(self, call: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.call = call
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, a: Tensor, b: Tensor) -> Any:
        return self.call(self, a, b)


def conv(given: int, out: int, kernel: int = 3, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(given, out, kernel, **more)


def heads(self: Any, x: Tensor) -> Any:
    x = self.stem(x).relu().mean((2, 3))
    return self.age(x), self.kind(x)


def pyramid(self: Any, x: Tensor) -> Any:
    p3 = self.a(x)
    p4 = self.b(p3)
    return {"p3": p3, "rest": [p4, {"p5": self.b(p4)}]}


def crnn(self: Any, x: Tensor) -> Tensor:
    found: Tensor = self.f(self.r(self.c(x).relu().mean(2).permute(2, 0, 1))[0]).log_softmax(-1)
    return found


def class_token(self: Any, x: Tensor) -> Tensor:
    patches = self.c(x).flatten(2).transpose(1, 2)
    found: Tensor = self.t(torch.cat([self.p.weight[None].expand(x.shape[0], -1, -1), patches], 1))
    return found


IMAGE = {"x": (1, 3, 9, 8)}
LINE = {"x": (1, 7, 6)}

CASES = {
    "two heads": Case(lambda: Functional(heads, stem=conv(3, 8), age=nn.Linear(8, 3), kind=nn.Linear(8, 5)), IMAGE),
    "dataclass": Case(
        lambda: Functional(
            lambda self, x: Found(self.a(x), self.b(x).flatten(2).transpose(1, 2)), a=conv(3, 8), b=conv(3, 4)
        ),
        IMAGE,
    ),
    "pyramid": Case(lambda: Functional(pyramid, a=conv(3, 4), b=conv(4, 4, padding=1)), IMAGE),
    "lstm": Case(lambda: Functional(lambda self, x: self.r(x)[0], r=nn.LSTM(6, 8, batch_first=True)), LINE),
    "lstm, time first": Case(
        lambda: Functional(lambda self, x: self.r(x)[0], r=nn.LSTM(6, 8, bidirectional=True)), {"x": "7xnx6"}
    ),
    "gru, last state": Case(lambda: Functional(lambda self, x: self.r(x)[1], r=nn.GRU(6, 8, batch_first=True)), LINE),
    "rnn, both": Case(lambda: Functional(lambda self, x: self.r(x), r=nn.RNN(6, 8, batch_first=True)), LINE),
    "crnn": Case(
        lambda: Functional(crnn, c=conv(1, 6), r=nn.GRU(6, 8, bidirectional=True), f=nn.Linear(16, 5)),
        {"x": (1, 1, 8, 12)},
    ),
    "yolo": Case(
        lambda: Functional(
            lambda self, x: torch.cat([one(x).flatten(2) for one in (self.a, self.b)], 2).transpose(1, 2),
            a=conv(3, 7),
            b=conv(3, 7, stride=2),
        ),
        IMAGE,
    ),
    "mixer": Case(
        lambda: Functional(
            lambda self, x: self.f(self.p(x).flatten(2).transpose(1, 2)).mean(1), p=conv(3, 8, 4), f=nn.Linear(8, 5)
        ),
        IMAGE,
    ),
    "channels last": Case(
        lambda: Functional(lambda self, x: self.c(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), c=conv(3, 4)),
        {"x": (1, 9, 8, 3)},
    ),
    "class token": Case(
        lambda: Functional(
            class_token,
            c=conv(3, 8, 4, stride=4),
            p=nn.Embedding(1, 8),
            t=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        ),
        {"x": (1, 3, 8, 8)},
    ),
    "siamese": Case(
        lambda: Pair(lambda self, a, b: (self.c(a).relu() - self.c(b).relu()).abs().sum((1, 2, 3)), c=conv(1, 4)),
        {"a": (1, 1, 8, 8), "b": (1, 1, 8, 8)},
    ),
    "image and metadata": Case(
        lambda: Pair(
            lambda self, a, b: self.f(torch.cat([self.c(a).relu().mean((2, 3)), b], 1)), c=conv(3, 4), f=nn.Linear(7, 2)
        ),
        {"a": (1, 3, 8, 8), "b": (1, 3)},
    ),
    "a cell and its state": Case(
        lambda: Pair(lambda self, a, b: self.r(a, b), r=nn.GRUCell(5, 6)), {"a": (1, 5), "b": (1, 6)}
    ),
    "a sequence and its state": Case(
        lambda: Pair(lambda self, a, b: self.r(a, (b, b))[0], r=nn.LSTM(5, 6, batch_first=True)),
        {"a": (1, 4, 5), "b": "1xnx6"},
    ),
    "image and mask": Case(
        lambda: Pair(lambda self, a, b: self.c(a) * b.unsqueeze(1), c=conv(3, 4, padding=1)),
        {"a": (1, 3, 8, 8), "b": (1, 8, 8)},
    ),
    "the input too": Case(lambda: Functional(lambda self, x: (self.c(x), x, x.transpose(1, 3)), c=conv(3, 5)), IMAGE),
    "constants too": Case(lambda: Functional(lambda self, x: [self.c(x), torch.ones(2, 3)], c=conv(3, 5)), IMAGE),
    "no batch": Case(lambda: Functional(lambda self, x: self.c(x).squeeze(0), c=conv(3, 5)), IMAGE),
    "one number": Case(lambda: Functional(lambda self, x: self.c(x).mean(), c=conv(3, 5)), IMAGE),
    "chunks": Case(lambda: Functional(lambda self, x: self.c(x).chunk(2, 1), c=conv(3, 6)), IMAGE),
    "five axes": Case(
        lambda: Functional(lambda self, x: self.c(x).view(1, 3, 2, 7, 6).permute(0, 1, 3, 4, 2), c=conv(3, 6)), IMAGE
    ),
}


def given(net: Net) -> list[Tensor]:
    random = torch.Generator().manual_seed(3)
    return [torch.rand(sizes_in(one.order, one.shape), generator=random) for one in net.inputs]


@pytest.mark.parametrize("name", CASES)
def test_written_models_take_and_give_the_same(name: str) -> None:
    case = CASES[name]
    module = case.build().eval()
    net = cs.read(module, input=case.given)
    assert net.tensors is not None
    tensors, inputs = net.tensors(), given(net)
    with torch.no_grad():
        true = [tensor for _, tensor in returned(module(*inputs))]
    assert [sizes_in(one.order, net.shape(one.node)) for one in net.outputs] == [tuple(one.shape) for one in true]
    for mine, theirs in zip(torch_outputs(net, tensors, inputs), true, strict=True):
        same(net, mine, theirs, 1e-5)
    for mine, theirs in zip(onnx_outputs(net, tensors, inputs), true, strict=True):
        same(net, mine, theirs, 1e-5)
    for mine, theirs, one in zip(keras_outputs(net, tensors, inputs), true, net.outputs, strict=True):
        same(net, mine, in_keras(theirs, one.order), 1e-5)


def test_a_net_of_several_inputs_reads_back() -> None:
    net = cs.read(CASES["siamese"].build(), input=CASES["siamese"].given)
    assert [one.name for one in net.inputs] == ["a", "b"]
    assert cs.read(str(net)).inputs == net.inputs
    assert sum(layer.node.op.keyword == "conv" for layer in net) == 2
    assert net.table().params.value == 40  # one convolution of 9 * 4 + 4, used twice


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("8x8x1", "the model takes 2 inputs: a, b"),
        ({"a": "8x8x1"}, "the size of b is missing"),
        ({"a": "8x8x1", "c": "8x8x1"}, 'no input is called "c"'),
        ({"a": 1.0, "b": 2.0}, "every input is a constant"),
        ({"a": "8x8x1", "b": [8, 8]}, "does not run"),
        ({"a": "8x8x1", "b": object()}, "is not a size"),
    ],
)
def test_what_is_said_of_inputs_and_does_not_fit(given: Any, message: str) -> None:
    with pytest.raises(cs.ConvscopeError, match=message):
        cs.read(CASES["siamese"].build(), input=given)


def test_inputs_may_come_in_one_dict() -> None:
    module = Functional(lambda self, x: self.c(x["rgb"]) + self.d(x["depth"]), c=conv(3, 4), d=conv(1, 4))
    net = cs.read(module, input={"rgb": "8x8x3", "depth": "8x8x1"})
    assert [one.name for one in net.inputs] == ["rgb", "depth"]
    assert cs.verify(module, input={"rgb": "8x8x3", "depth": "8x8x1"}, units=1).passed


def test_constants_may_be_declared() -> None:
    module = Pair(lambda self, a, b: self.c(a) * b, c=conv(1, 4))
    assert [row.op for row in cs.read(module, input={"a": "8x8x1", "b": 2.0}).table().rows] == [
        "conv 4 3x3",
        "times 2.0",
    ]
    fixed = cs.read(module, input={"a": "8x8x1", "b": ("constant", torch.rand(6, 6))})
    assert fixed.output == (4, 6, 6)
    assert math.prod(fixed.input) == 64


@pytest.mark.parametrize("first", ["x", "y", "z"])
def test_inputs_with_names_that_code_uses_for_values(first: str) -> None:
    """What is used up makes room for what follows; an input that is read later does not."""
    second, third = (name for name in ("x", "y", "z") if name != first)
    given = f"{first}: input 5, {second}: input 3, {third}: input 3, from {first}, linear 3"
    net = cs.read(
        f"{given}, 2*( add( id | relu ) ), add( id | from {second} ) tanh, linear 3, mul( id | from {third} )"
    )
    model, tensors = filled(net)
    inputs = [torch.rand(2, *one.shape, dtype=torch.float64) for one in net.inputs]
    with torch.no_grad():
        true = model(*inputs)
    for write in (torch_outputs, onnx_outputs, keras_outputs):
        same(net, write(net, tensors, inputs)[0], true, 1e-5)


def test_the_batch_lies_where_the_inputs_have_it() -> None:
    module = Pair(lambda self, a, b: self.r(a, b)[1], r=nn.GRU(5, 6)).eval()
    net = cs.read(module, input={"a": "3xnx5", "b": "1xnx6"})
    assert [one.order for one in net.outputs] == ["a6x1:1xnxa"]
    assert net.tensors is not None
    inputs = [torch.rand(3, 2, 5), torch.rand(1, 2, 6)]
    with torch.no_grad():
        true = module(*inputs)
    (mine,) = torch_outputs(net, net.tensors(), inputs)
    same(net, mine, true, 1e-5)


def test_the_batch_of_a_state_is_its_second_axis() -> None:
    module = Functional(lambda self, x: self.r(x), r=nn.GRU(6, 8, batch_first=True)).eval()
    net = cs.read(module, input=(1, 7, 6))
    assert [one.order for one in net.outputs] == ["a8xb7:nxbxa", "a8x1:1xnxa"]
    assert net.tensors is not None
    x = torch.rand(3, 7, 6)
    with torch.no_grad():
        true = module(x)
    for mine, theirs in zip(torch_outputs(net, net.tensors(), [x]), true, strict=True):
        same(net, mine, theirs, 1e-5)
