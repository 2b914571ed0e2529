"""Frozen parameters: counted apart, and without a share in what training keeps."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import convscope as cs
from convscope.core.graph import Own
from convscope.core.net import Layer, Net
from convscope.errors import ShapeError
from golden.golden import same_as_golden
from strategies import net_texts


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.b(self.a(x)).relu()
        return out


class Gated(nn.Module):
    """A gate on a path: each factor is kept for the other one's gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gate = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out: Tensor = x * self.gate(x)
        return out


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), Residual(8), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3),
        nn.LeakyReLU(), nn.Flatten(), nn.Linear(16 * 36, 20), nn.ReLU(), nn.Linear(20, 10),
    )  # fmt: skip


def freeze(model: nn.Module, keep: Callable[[str], bool]) -> nn.Module:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(keep(name))
    return model


RULES: dict[str, Callable[[str], bool]] = {
    "nothing": lambda name: True,  # noqa: ARG005
    "the backbone": lambda name: name.startswith(("8.", "10.")),
    "all but the last": lambda name: name.startswith("10."),
    "all but biases": lambda name: name.endswith("bias"),
    "all but norms": lambda name: name.startswith(("1.", "3.b")),
    "the head": lambda name: not name.startswith(("8.", "10.")),
    "the stem": lambda name: not name.startswith(("0.", "1.")),
    "all": lambda name: False,  # noqa: ARG005
}


def kept(model: nn.Module, x: Tensor) -> int:
    """Bytes of the activations that torch keeps for the backward pass, each storage once, small ones left out."""
    own = {parameter.untyped_storage().data_ptr() for parameter in (*model.parameters(), *model.buffers())}
    found: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tensor.numel() > 64:
            found[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    alive: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model.train()(x)
    assert out.shape[0] == x.shape[0]
    return sum(found.values())


def claimed(net: Net, batch: int) -> int:
    """Our bytes, without the image and the output that are there anyway."""
    found = cs.memory(net, batch=batch)
    return found.saved


@pytest.mark.parametrize("rule", RULES)
def test_what_torch_keeps(rule: str) -> None:
    model, x = freeze(network(), RULES[rule]), torch.randn(4, 3, 16, 16)
    net = cs.read(model, input="16x16x3")
    real = kept(model, x)
    there = 4 * (x.numel() + 4 * 10)  # the caller's image and the output are alive, whether kept or not
    low, high = real, real + there
    assert low <= claimed(net, 4) <= high, (rule, real)


@pytest.mark.parametrize("name", ["stem", "gate", "none"])
def test_what_torch_keeps_of_a_gate(name: str) -> None:
    model, x = freeze(Gated(), lambda one: one.startswith(name)), torch.randn(2, 3, 16, 16)
    real, map_bytes = kept(model, x), 4 * 2 * 8 * 256
    saved = claimed(cs.read(model, input="16x16x3"), 2)
    assert real <= saved <= real + 4 * x.numel() + map_bytes
    assert real == {"stem": 4 * x.numel() + 2 * map_bytes, "gate": map_bytes, "none": 0}[name]


def test_counts_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    plain = cs.read(model, input="8x8x3").table()
    assert (plain.frozen, "frozen" in str(plain)) == (0, False)
    freeze(model, lambda name: name in {"0.bias", "4.weight", "4.bias"})
    net = cs.read(model, input="8x8x3")
    table = net.table()
    assert [row.frozen for row in table.rows] == [216, 16, 0, 0]
    assert table.params.value == plain.params.value == 224 + 16 + 2890
    assert table.frozen == 232
    total = table.to_json()["total"]
    assert (total["params"], total["trained"], total["frozen"]) == (3130, 2898, 232)
    assert "frozen" in str(table).splitlines()[0]
    assert "params 3,130, of which 2,898 trained and 232 frozen" in str(table)
    assert "frozen" in table.to_csv().splitlines()[0]
    found = cs.memory(net)
    assert (found.gradients, found.optimizer, found.frozen) == (4 * 2898, 8 * 2898, 4 * 232)
    assert found.weights == cs.memory(cs.read(freeze(model, RULES["nothing"]), input="8x8x3")).weights
    assert "frozen" in str(found)
    freeze(model, lambda name: name in {"0.bias", "4.weight", "4.bias"})
    same_as_golden("tables/frozen.txt", f"{table}\n\n{cs.memory(cs.read(model, input='8x8x3'))}")


class Tied(nn.Module):
    """One convolution used twice, one weight made of a frozen and a trained part, one read by nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.a = nn.Parameter(torch.randn(2, 3, 1, 1), requires_grad=False)
        self.b = nn.Parameter(torch.randn(3, 3, 1, 1))
        self.left = nn.Parameter(torch.randn(7), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(self.c(self.c(x)), torch.cat([self.a, self.b]))


def test_shared_mixed_and_unused_weights() -> None:
    model = Tied()
    net = cs.read(model, input="5x5x3")
    assert [row.params for row in net.table().rows][:2] == [81, 0]
    assert net.table().frozen == 6 + 7
    assert net.table().params.value == sum(p.numel() for p in model.parameters())
    assert [layer.trains for layer in net if layer.node.op.keyword == "conv"] == [("weight",)] * 3
    model.c.requires_grad_(requires_grad=False)
    again = cs.read(model, input="5x5x3")
    assert again.table().frozen == 6 + 7 + 81
    assert [layer.trains for layer in again if layer.node.op.keyword == "conv"] == [(), (), ("weight",)]


def test_a_constant_kernel_takes_no_gradient() -> None:
    class Blur(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("kernel", torch.ones(3, 1, 3, 3) / 9)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.kernel, groups=3)  # type: ignore[arg-type]

    net = cs.read(nn.Sequential(Blur(), nn.Conv2d(3, 4, 1)), input="8x8x3")
    assert [layer.trains for layer in net] == [(), ("weight", "bias")]
    assert net.table().params.value == 16
    # kept: the image, which is there anyway, the blurred map for the weight's gradient, the output
    assert cs.memory(net).saved == 4 * (3 * 64 + 3 * 36 + 4 * 36)


def with_frozen(net: Net, names: set[str]) -> Net:
    """The net with all parameters of some layers frozen."""

    def one(layer: Layer) -> Layer:
        own = Own(frozen=layer.trains) if layer.node.name in names else layer.node.own
        return replace(layer, node=replace(layer.node, own=own))

    return replace(net, layers=tuple(map(one, net)))


@settings(deadline=None, max_examples=60)
@given(net_texts(), st.data())
def test_to_freeze_more_never_costs_more(text: str, data: st.DataObject) -> None:
    try:
        net = cs.read(text)
    except ShapeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    names = [layer.node.name for layer in net]
    few = data.draw(st.sets(st.sampled_from(names)))
    more = few | data.draw(st.sets(st.sampled_from(names)))
    found = [cs.memory(with_frozen(net, chosen)) for chosen in (set(), few, more, set(names))]
    for key in ("saved", "gradients", "optimizer", "training"):
        costs = [getattr(one, key) for one in found]
        assert costs == sorted(costs, reverse=True), key
    assert found[-1].gradients == 0
    assert {one.weights for one in found} == {found[0].weights}
    assert {one.peak.bytes for one in found} == {found[0].peak.bytes}
    table = with_frozen(net, few).table()
    assert table.frozen == sum(row.params or 0 for row in table.rows if row.name in few)
    assert table.params == net.table().params


def test_a_dead_branch_keeps_nothing() -> None:
    class Left(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(3, 8, 3, padding=1) for _ in range(3))
            self.d = nn.Conv2d(8, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.d(self.b(x).sigmoid())
            out: Tensor = self.a(x).sigmoid()
            return out

    freed = []

    class Packed:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor.detach()  # else what it is made by keeps it, and it keeps that

        def __del__(self) -> None:
            freed.append(self.tensor.shape)

    model, x = Left(), torch.randn(1, 3, 8, 8)
    with torch.autograd.graph.saved_tensors_hooks(Packed, lambda packed: packed.tensor):
        out = model(x)
    assert len(freed) == 5  # image and weight of b, what its sigmoid gives, that again and the weight of d
    assert out.requires_grad
    # the image, and what the sigmoid gives, which is the output
    assert cs.memory(cs.read(model, input="8x8x3")).saved == 4 * (3 + 8) * 64
