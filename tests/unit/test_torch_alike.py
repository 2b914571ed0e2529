"""Equal operations are followed once, and what is made again is what following each of them makes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import Tensor, nn

from convscope.core.net import Net
from convscope.frontends.torch import alike, trace
from convscope.frontends.torch.alike import followed
from convscope.frontends.torch.module import read_module


class Windows(nn.Module):
    """Attention in rolled windows, with a bias that is gathered and a mask that is put in: what Swin does."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8)
        self.table = nn.Parameter(torch.randn(49, 2))
        self.index: Tensor
        self.register_buffer("index", torch.randint(0, 49, (16, 16)).flatten())

    def forward(self, x: Tensor) -> Tensor:
        x = torch.roll(self.norm(x), (-2, -2), (1, 2))
        parts = x.reshape(1, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(4, 16, 8)
        q, k, v = self.qkv(parts).reshape(4, 16, 3, 2, 4).permute(2, 0, 3, 1, 4)
        scores = (q * 0.5) @ k.transpose(-2, -1)
        scores = scores + self.table[self.index].view(16, 16, 2).permute(2, 0, 1)[None]
        scores = scores + torch.where(torch.arange(4) > 1, -100.0, 0.0)[:, None, None, None]
        parts = (scores.softmax(-1) @ v).transpose(1, 2).reshape(4, 16, 8)
        parts = self.out(parts).reshape(1, 2, 2, 4, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(1, 8, 8, 8)
        return torch.roll(parts, (2, 2), (1, 2)) + x


class Gated(nn.Module):
    """Squeeze and excitation, a block in which the same tensor is used twice, in-place changes, and several results."""

    def __init__(self, pick: tuple[int, ...] = (1, 0)) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.gate, self.scale = nn.Conv2d(8, 8, 1), nn.Parameter(torch.randn(8, 1, 1))
        self.pick: Tensor
        self.register_buffer("pick", torch.tensor(pick))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.conv(x)), inplace=True)
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True))) * self.scale
        a, b = y.chunk(2, 1)
        both, most = (a + a, b + b * 2.0), F.max_pool2d(b, 3, 1, 1)
        return (both[0] + both[1] + most)[:, :, self.pick].repeat_interleave(4, 2)


def windows() -> nn.Module:
    return nn.Sequential(*(Windows() for _ in range(4)))


def gated() -> nn.Module:
    return nn.Sequential(*(Gated() for _ in range(4)))


def shared() -> nn.Module:
    conv = nn.Conv2d(4, 4, 3, padding=1)
    frozen = nn.Conv2d(4, 4, 3, padding=1).requires_grad_(requires_grad=False)
    return nn.Sequential(
        conv, nn.Conv2d(4, 4, 3, padding=1), conv, frozen, nn.Conv2d(4, 4, 3, padding=1).half().float()
    )


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "windows": (windows, (8, 8, 8)),
    "gated": (gated, (4, 8, 8)),
    "shared": (shared, (4, 8, 8)),
    "attention": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3),
        (5, 8),
    ),
    "recurrent": (lambda: nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.LSTM(5, 4, batch_first=True)), (4, 5)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "_KNOWN", {})


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_made_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, shape = CASES[name]
    module = build().eval()
    twice = [read_module(module, shape).net for _ in range(2)]  # the second one knows all that the first one met
    with monkeypatch.context() as patch:
        patch.setattr(trace, "followed", lambda rule, builder, args, named: rule(builder, *args, **named))
        plain = read_module(module, shape).net
    for net in twice:
        assert net == plain
        assert [layer.node.own for layer in net] == [layer.node.own for layer in plain]
        _equal_tensors(net, plain)


def _equal_tensors(one: Net, other: Net) -> None:
    assert one.tensors
    assert other.tensors
    mine, its = one.tensors(), other.tensors()
    assert mine.keys() == its.keys()
    assert all(np.array_equal(mine[key], its[key]) for key in mine)


def test_equal_blocks_are_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    observed = alike._observed

    def counted(*args: Any) -> Any:
        asked.append(1)
        return observed(*args)

    monkeypatch.setattr(alike, "_observed", counted)
    counts = []
    for blocks in (2, 8):
        alike._KNOWN.clear()
        asked.clear()
        read_module(
            nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)) for _ in range(blocks))), (4, 8, 8)
        )
        counts.append(len(asked))
    assert counts == [2, 2]


def test_numbers_that_a_rule_looks_at_are_looked_at_each_time() -> None:
    module = nn.Sequential(Gated((1, 0)), Gated((1, 0)), Gated((0, 1)), Gated((7, 3)))
    picks = [layer.node.op.indices for layer in read_module(module, (4, 8, 8)).net if layer.node.op.keyword == "pick"]  # type: ignore[attr-defined] # of Pick
    assert picks == [(1, 0), (1, 0), (0, 1), (7, 3)]


def test_a_rule_that_asks_for_more_is_asked_each_time() -> None:
    """One that hides a constant in a function, one that sets what later rules see, one whose result is repeated."""
    from convscope.core.graph import Input
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.shapes import repeated
    from convscope.frontends.tensors.values import Const, Value
    from convscope.ops.scalar import Scale

    def hidden(b: Any, x: Value, const: Const) -> Value:
        made: Value = b.emit(Scale((4,)), [x.node], {"weight": Const((4,), lambda: const.load() * 2)})
        return made

    def told(b: Any, x: Value, _: Const) -> Value:
        b.quantized = "int4"
        return x

    def again(_b: Any, x: Value, _: Const) -> Value:
        return repeated(x, 0, 2)

    for rule in (hidden, told, again):
        builder = Builder.of([Input("input", (4,))])
        for number in (1.0, 3.0):
            followed(rule, builder, [builder.input(), Const((4,), lambda number=number: np.full(4, number))], {})  # type: ignore[misc] # bound now
        assert list(alike._KNOWN.values()) == [None]
        if rule is hidden:
            tensors = builder.net([]).tensors
            assert tensors
            assert [one[0] for one in tensors().values()] == [2, 6]
        alike._KNOWN.clear()
