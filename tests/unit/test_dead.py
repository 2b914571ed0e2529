"""CS013: dead layers are told where they cost something; outputs, and what only picks values out, are not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.core.net import Net


def dead(net: Net) -> list[str]:
    return [found.node for found in cs.check(net).findings if found.code == "CS013"]


@dataclass
class Pair:
    boxes: Tensor
    scores: Tensor


class Heads(nn.Module):
    def __init__(self, join: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.body, self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1), nn.Conv2d(8, 4, 1)
        self.left = nn.Conv2d(8, 5, 1)
        self.join = join

    def forward(self, x: Tensor) -> Any:
        x = self.body(x).relu()
        self.left(x)
        return self.join(self.a(x), self.b(x))


JOINS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "tuple": lambda a, b: (a, b),
    "list": lambda a, b: [a, b],
    "dict": lambda a, b: {"boxes": a, "scores": b},
    "dataclass": Pair,
    "nested": lambda a, b: ({"boxes": [a]}, (b,)),
}


@pytest.mark.parametrize("name", JOINS)
def test_no_output_is_dead_and_what_is_left_over_is(name: str) -> None:
    assert dead(cs.read(Heads(JOINS[name]), input="12x12x3")) == ["left"]


def test_slices_parts_and_views_are_not_told() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv1d(3, 12, 3), nn.Conv1d(4, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.a(x)
            first, _, third = y.chunk(3, 1)
            y.flatten(1)
            y[:, :2, ::2].transpose(1, 2)
            out: Tensor = self.b(torch.cat([torch.zeros_like(first[:, :, :1]), third[:, :, :-1]], 2))
            return out

    assert dead(cs.read(Odd(), input="20x3")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("input 8x8x4, a: relu, conv 4 3x3, crop 1, slice s2, from a, conv 4 1x1", ["conv1"]),
        ("input 8x8x4, a: relu, conv 4 3x3, crop 1, tanh, from a, conv 4 1x1", ["tanh1"]),
        ("input 8x8x4, a: relu, crop 1, from a, conv 4 1x1", []),
        ("input 8x8x4, a: relu, conv 4 1x1, from a, tanh, conv 4 3x3, from a, conv 4 1x1", ["conv1", "conv2"]),
        ("input 8x8x4, a: conv 3 3x3, b: conv 4 1x1, output tuple( from a | from b )", []),
        ("input 8x8x4, a: conv 3 3x3, b: conv 4 1x1, output from a", ["b"]),
    ],
)
def test_the_last_layer_that_costs_something_is_named(text: str, told: list[str]) -> None:
    assert dead(cs.read(text)) == told
