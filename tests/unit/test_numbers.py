"""Models whose code looks at numbers are run; what would take long there is not computed."""

import pytest
import torch
from torch import Tensor, nn

import clock
import convscope as cs
from convscope.frontends.torch import numbers
from convscope.frontends.torch.call import Call
from convscope.frontends.torch.numbers import Numbers


def convolution(image: Tensor, weight: Tensor, bias: Tensor | None) -> Call:
    operation = torch.ops.aten.convolution.default
    return Call.of(operation, (image, weight, bias, [1, 1], [1, 1], [1, 1], False, [0, 0], 1), {})


def test_within_the_budget_numbers_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    image, weight, bias = torch.rand(1, 3, 8, 8), torch.rand(5, 3, 3, 3), torch.rand(5)
    call = convolution(image, weight, bias)
    monkeypatch.setattr(numbers, "BUDGET", 2 * 8 * 8 * 5 * 27)  # 8640 each
    run = Numbers()
    for _ in range(2):
        assert torch.equal(run.of(call), torch.conv2d(image, weight, bias, padding=1))
    third = run.of(call)
    assert third.shape == (1, 5, 8, 8)
    assert not torch.equal(third, run.of(convolution(image, weight, None)))
    # around the bias, with 0.05 of the strength of a convolution of 27 taps
    strength = 0.05 * (27 * float(image.square().mean() * weight.square().mean())) ** 0.5
    off = third - bias.reshape(5, 1, 1)
    assert float(off.square().mean()) ** 0.5 == pytest.approx(strength, rel=0.2)
    assert third.dtype == image.dtype


class Detector(nn.Module):
    """Large maps, and code that counts what it found."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 256, 3, padding=1), *(nn.Conv2d(256, 256, 3) for _ in range(12)))
        self.score = nn.Conv2d(256, 1, 1)
        nn.init.constant_(self.score.bias, -5.0)  # type: ignore[arg-type] # there is one

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(self.layers(x)).sigmoid().flatten()
        found = scores[scores > 0.5]
        boxes = torch.zeros(len(found.tolist()), 4)
        return scores, boxes


def test_a_detector_on_large_maps_is_read_at_once_and_finds_nothing() -> None:
    start = clock.now()
    net = cs.read(Detector(), input="256x256x3")
    assert clock.since(start) < 5  # 419 G multiply-adds would take a minute
    table = net.table()
    assert table.macs.value is not None
    assert table.macs.value > 400e9
    # what was found is of unknown size, so that it is a layer that cannot be inspected
    assert [net[one.node].node.op.keyword for one in net.outputs][1] == "opaque"
