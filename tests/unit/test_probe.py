"""The probe: what it finds, and what it leaves as it was."""

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

import convscope as cs
from convscope.analyze.support import support
from convscope.backends.torch import TorchNet
from convscope.errors import FieldError, ShapeError, UnknownNameError
from convscope.verification import Probe, verify
from functional import Functional, attended, excited, gate, windowed

torch.set_num_threads(1)


def box(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    lines = (np.flatnonzero(mask.any(1 - axis)) for axis in (0, 1))
    return [(int(line[0]), int(line[-1])) for line in lines]


def perturbed(module: nn.Module, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels change which numbers of the output, found by changing one pixel after another."""
    chance = torch.Generator().manual_seed(3)
    base = torch.rand(1, *shape, dtype=torch.float64, generator=chance) + 0.5
    places = math.prod(shape[1:])
    changes = torch.eye(places, dtype=torch.float64).reshape(places, 1, *shape[1:])
    with torch.no_grad():
        plain = module(base)
        outputs = torch.cat([module(base + 0.5 * change) for change in changes])
    found: NDArray[np.bool_] = ((outputs - plain).abs() > 1e-11).reshape(places, -1).T.numpy()
    return found


def probed(module: nn.Module, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    result = Probe(module, shape).run()
    output = result.positions[""].shape
    return np.stack([result.mask("", place).ravel() for place in np.ndindex(output)])


def seeded(module: nn.Module) -> nn.Module:
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=chance) + 0.1)
    return module.double().eval()


def assigned(self: Any, x: Tensor) -> Tensor:  # noqa: ARG001 -- called as a method
    out = torch.ones(x.shape[0], 2, 4, 4, dtype=x.dtype)
    out[:, 0] = x[:, 0]
    out[:, 1, ::2] += x[:, 1, 1::2]
    out[:, :, 3].mul_(x[:, :, 0])
    return out


def written(self: Any, x: Tensor) -> Tensor:
    y: Tensor = self.conv(x)
    left, right = y.chunk(2, dim=1)
    left.add_(x.roll(1, 3).repeat(1, 2, 1, 1)[:, :2])
    right.transpose(2, 3)[:, 0].mul_(x[:, 1])
    return y


def copied(self: Any, x: Tensor) -> Tensor:  # noqa: ARG001 -- called as a method
    F.relu(x).add_(x.roll(1, 3))
    return x.cos()


def gathered(self: Any, x: Tensor) -> Tensor:  # noqa: ARG001 -- called as a method
    order = torch.tensor([3, 1, 0, 2])
    return torch.cat([x[:, :, order], x.index_select(3, order), x.flip(2), x.cumsum(3)], dim=1)


MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "attention": (Functional(attended, attention=nn.MultiheadAttention(2, 1, batch_first=True)), (2, 3, 3)),
    "windows": (Functional(windowed, qkv=nn.Linear(2, 6)), (2, 4, 4)),
    "assignment": (Functional(assigned), (2, 4, 4)),
    "writing into views": (Functional(written, conv=nn.Conv2d(2, 4, 1)), (2, 4, 4)),
    "indices": (Functional(gathered), (2, 4, 4)),
    "unfold": (Functional(lambda _, x: F.unfold(x, 2, dilation=2, padding=1)), (1, 4, 5)),
    "fold": (Functional(lambda _, x: F.fold(F.unfold(x, 3, padding=1), (4, 5), 3, padding=1)), (1, 4, 5)),
    "shuffles": (Functional(lambda _, x: F.channel_shuffle(F.pixel_unshuffle(x, 2), 2)), (2, 4, 4)),
    "einsum": (Functional(lambda _, x: torch.einsum("nchw,ndhw->ncd", x, x.square())), (2, 3, 4)),
    "matmul": (Functional(lambda _, x: x @ x.transpose(2, 3)), (2, 3, 4)),
    "gate": (Functional(lambda _, x: x * x.mean((2, 3), keepdim=True).sigmoid()), (2, 3, 4)),
    "rows": (Functional(lambda _, x: x / x.norm(dim=3, keepdim=True)), (2, 3, 4)),
    "fourier": (Functional(lambda _, x: torch.fft.irfft(torch.fft.rfft(x) * torch.tensor([1.3, 2 - 0.7j, 0.9]))),
                (1, 3, 4)),
    "lstm": (Functional(lambda self, x: self.lstm(x.flatten(2).transpose(1, 2))[0], lstm=nn.LSTM(2, 2)), (2, 2, 3)),
    "gru": (Functional(lambda self, x: self.gru(x[:, :, 0].transpose(1, 2))[0], gru=nn.GRU(2, 2, batch_first=True)),
            (2, 2, 5)),
    "bilinear": (nn.Upsample(scale_factor=1.6, mode="bilinear"), (1, 5, 4)),
    "bicubic": (nn.Upsample(size=(7, 5), mode="bicubic", align_corners=True), (1, 5, 4)),
    "nearest": (nn.Upsample(size=(7, 3)), (1, 5, 4)),
    "antialias": (Functional(lambda _, x: F.interpolate(x, (3, 4), mode="bilinear", antialias=True)), (1, 5, 4)),
    "lp pool": (nn.LPPool2d(2, 2, ceil_mode=True), (1, 5, 4)),
    "aligned": (nn.Upsample(size=(10, 7), mode="bilinear", align_corners=True), (1, 4, 3)),
    "at whole places": (nn.Upsample(scale_factor=5, mode="bilinear"), (1, 2, 3)),
    "average pool": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (1, 6, 5)),
    "adaptive pool": (nn.AdaptiveAvgPool2d((2, 3)), (1, 5, 4)),
    "instance norm": (nn.InstanceNorm2d(2), (2, 3, 3)),
    "group norm": (nn.GroupNorm(2, 4), (4, 2, 3)),
    "layer norm": (nn.LayerNorm(3), (2, 3, 3)),
    "rms norm": (nn.RMSNorm((2, 3)), (2, 2, 3)),
    "local norm": (nn.LocalResponseNorm(3), (4, 2, 3)),
    "transposed": (nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2), (2, 3, 3)),
    "grouped": (nn.Conv2d(4, 4, (1, 3), padding=(0, 2), dilation=2, groups=2, padding_mode="reflect"), (4, 3, 4)),
    "groups": (Functional(lambda self, x: self.conv(torch.cat([x, x.roll(1, 3)], dim=1)),
                          conv=nn.Conv2d(2, 2, 1, groups=2)), (1, 2, 3)),
    "writing into a copy": (Functional(copied), (1, 3, 3)),
    "same": (nn.Conv2d(1, 2, (1, 3), padding="same", dilation=2), (1, 3, 5)),
    "volume": (nn.Conv3d(1, 1, (1, 2, 3), stride=(1, 1, 2)), (1, 2, 3, 4)),
    "line": (nn.Sequential(nn.Conv1d(2, 4, 3, 2, 1), nn.GLU(1)), (2, 7)),
    "mixer": (Functional(lambda self, x: self.places(x.flatten(2)), places=nn.Linear(6, 6)), (2, 2, 3)),
    "sampled": (Functional(lambda _, x: F.grid_sample(x, F.affine_grid(
        torch.tensor([[[0.7, 0.1, 0.0], [0.0, 0.6, 0.2]]], dtype=torch.float64), [1, 1, 3, 3], align_corners=False),
        align_corners=False)), (1, 4, 4)),
    "own kernel": (Functional(lambda _, x: F.conv2d(x, x.mean((2, 3)).reshape(1, 2, 1, 1))), (2, 3, 3)),
    "softmax": (nn.Softmax(3), (1, 3, 4)),
    "where": (Functional(lambda _, x: torch.where(torch.eye(3, dtype=torch.bool), x, x.amax(3, keepdim=True))),
              (1, 3, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_probe_finds_what_changes_of_single_pixels_find(name: str) -> None:
    module, shape = MODULES[name]
    true, found = perturbed(seeded(module), shape), probed(module, shape)
    if name == "where":  # the largest is one number, at each input another
        assert not (true & ~found).any()
    else:
        assert np.array_equal(true, found), f"{np.argwhere(true != found)[:8].tolist()}"


class Careless(nn.Module):
    """Writes to its own buffers, keeps what it computes, and draws lots."""

    seen: Tensor
    cache: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2, momentum=None)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("cache", torch.ones(1, 2, 6, 6))
        self.kept: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        y = self.drop(self.norm(self.conv(x)))
        self.cache.copy_(y)
        self.kept["last"] = y
        self.last: Tensor = y + random.random() + torch.rand(1) + float(np.random.rand())  # noqa: NPY002 -- on purpose
        found: Tensor = self.last + self.cache
        return found


def test_the_module_and_chance_are_left_as_they_were() -> None:
    module = Careless().train()
    module.drop.eval()
    module.conv.weight.requires_grad = False
    calls: list[int] = []
    handle = module.conv.register_forward_hook(lambda *_: calls.append(1))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    attributes = {name: set(vars(part)) for name, part in module.named_modules()}
    hooks = dict(module.conv._forward_hooks)
    numbers = [value.data_ptr() for value in module.state_dict().values()]
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 -- as above
    torch.manual_seed(1)
    expected = random.random(), np.random.rand(), float(torch.rand(1))  # noqa: NPY002 -- as above
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 -- as above
    torch.manual_seed(1)
    probe = Probe(module, (1, 8, 8))
    assert probe.unit("", (0, 0)).sum() == 9
    assert probe.unit("conv", (0, 0), gates=False).sum() == 9
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == expected  # noqa: NPY002 -- as above
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert numbers == [value.data_ptr() for value in after.values()]
    assert [part.training for part in module.modules()] == modes
    assert {name: set(vars(part)) for name, part in module.named_modules()} == attributes
    assert module.kept == {}
    assert dict(module.conv._forward_hooks) == hooks
    assert not module.conv.weight.requires_grad
    assert module.norm.weight.grad is None
    assert len(calls) == 2  # the module's own hooks run with it, once for each question
    handle.remove()


def test_a_failing_module_is_left_as_it_was_too() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(5, 2)).train()
    with pytest.raises(ShapeError, match="cannot be run on an input of 9x9x3"):
        Probe(module, (3, 9, 9)).unit("", ())
    assert module.training
    assert all(not part._forward_hooks for part in module.modules())


def test_a_gate_is_followed_or_not() -> None:
    probe = Probe(Functional(excited, conv=nn.Conv2d(1, 4, 3, padding=1), gate=gate()), (1, 9, 9))
    assert probe.unit("", (4, 4)).sum() == 81
    assert probe.unit("", (4, 4), gates=False).sum() == 9
    assert probe.unit("gate", ()).sum() == 81


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.LayerNorm([4, 9, 9])])
def test_statistics_of_a_map_are_followed_or_not(norm: nn.Module) -> None:
    probe = Probe(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), norm), (1, 9, 9))
    assert probe.unit("", (4, 4)).sum() == 81
    assert probe.unit("", (4, 4), gates=False).sum() == 9


def test_attention_over_everything_goes_through_its_query_alone_and_windows_are_kept() -> None:
    everywhere = Probe(Functional(attended, attention=nn.MultiheadAttention(2, 1, batch_first=True)), (2, 6, 6))
    assert everywhere.unit("", (14,)).sum() == 36
    assert np.argwhere(everywhere.unit("", (14,), gates=False)).tolist() == [[2, 2]]
    cut = Probe(Functional(windowed, qkv=nn.Linear(2, 6)), (2, 6, 6))
    for gates in (True, False):
        assert box(cut.unit("", (2, 3), gates=gates)) == [(1, 2), (3, 4)]


def test_a_gate_over_several_branches_is_one_although_its_channels_see_different_middles() -> None:
    def branches(self: Any, x: Tensor) -> Tensor:
        y = torch.cat([self.small(x), self.large(x)], dim=1)
        return y + y.mean((2, 3), keepdim=True)

    module = Functional(branches, small=nn.Conv2d(1, 2, 1), large=nn.Conv2d(1, 2, 5, padding=2))
    assert Probe(module, (1, 9, 9)).unit("", (4, 4), gates=False).sum() == 25


def test_a_pooled_branch_beside_others_is_followed_or_not() -> None:
    def branches(self: Any, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), x.mean((2, 3), keepdim=True).expand(-1, -1, *x.shape[2:])], dim=1)

    probe = Probe(Functional(branches, conv=nn.Conv2d(1, 2, 3, padding=1)), (1, 9, 9))
    assert probe.unit("", (4, 4)).sum() == 81
    assert probe.unit("", (4, 4), gates=False).sum() == 9


def test_products_of_stored_tensors_are_told_apart() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        found: Tensor = F.conv2d(x, (self.table.weight @ self.table.weight).reshape(3, 1, 3, 1))
        return found

    run = Probe(Functional(forward, table=nn.Linear(3, 3)), (1, 5, 5)).run()
    assert (run.macs, run.stored_macs) == (27 + 3 * 3 * 3 * 5, 27)


def test_channels_that_were_shuffled_are_told_apart() -> None:
    def shuffled(self: Any, x: Tensor) -> Tensor:
        y = torch.cat([self.point(x), self.wide(x)], dim=1)
        mixed: Tensor = self.last(y.view(1, 2, 2, 7, 7).transpose(1, 2).reshape(1, 4, 7, 7)[:, ::2])
        return mixed

    point = nn.Conv2d(1, 2, 1)
    probe = Probe(
        Functional(shuffled, point=point, wide=nn.Conv2d(1, 2, 5, padding=2), last=nn.Conv2d(2, 1, 1)), (1, 7, 7)
    )
    assert probe.unit("", (3, 3)).sum() == 1


def test_modules_that_write_in_place() -> None:
    def residual(self: Any, x: Tensor) -> Tensor:
        y = self.conv(x)
        y += x
        y.relu_()
        F.hardswish(y, inplace=True)
        y.mul_(self.gate(y)).clamp_(0, 6)
        found: Tensor = self.more(y)
        return found

    module = Functional(
        residual, conv=nn.Conv2d(4, 4, 3, padding=1), gate=gate(),
        more=nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 1, 3, padding=1)),
    )  # fmt: skip
    probe = Probe(module, (4, 11, 11))
    assert probe.unit("", (5, 5), gates=False).sum() == 25
    assert probe.unit("", (5, 5)).sum() == 121
    assert probe.unit("conv", (5, 5)).sum() == 9  # what was added later is not the convolution's


def test_the_last_map_and_its_field_of_a_residual_net() -> None:
    # the layers of a ResNet-18, with two channels
    stages = "".join(
        f", add( conv 2 3x3 s{step} p1 bn relu, conv 2 3x3 p1 bn | conv 2 1x1 s{step} bn ), relu"
        ", add( conv 2 3x3 p1 bn relu, conv 2 3x3 p1 bn | id ), relu"
        for step in (1, 2, 2, 2)
    )
    net = cs.read(f"input 512x512x1, conv 2 7x7 s2 p3 bn relu, maxpool 3 s2 p1{stages}, gap, linear 3")
    # a layer of k taps adds k - 1 times the stride in front of it: 435 pixels
    size = 1 + 6 + 2 * 2 + 4 * 8 + (8 + 3 * 16) + (16 + 3 * 32) + (32 + 3 * 64)
    probe = Probe(TorchNet(net), net.input)
    last = probe.last_map()
    assert last.shape == (1, 2, 16, 16)
    assert box(probe.unit(last.path, (8, 8))) == [(256 - size // 2, 256 + size // 2)] * 2
    first, second = (box(probe.unit(last.path, (8, at)))[1][0] for at in (8, 9))
    assert second - first == 32


def test_what_many_layers_see_does_not_fade() -> None:
    # the first pixel has a weight of about 1e-345, which is nothing to a float64
    net = cs.read("input 17501x1, 175*( conv 1 101 )")
    assert Probe(TorchNet(net), net.input).unit("", ()).all()
    net = cs.read("input 17x17x1, 200*( conv 1 3x3 same )")
    probe = Probe(TorchNet(net), net.input)
    assert probe.unit("", (0, 0)).all()
    assert np.array_equal(probe.unit("parts.9", (0, 16)), support(net, "conv10", (0, 16)).mask)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_any_type_and_modules_without_numbers(dtype: torch.dtype) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = self.conv(x).to(torch.float32).softmax(1).to(x.dtype)
        found: Tensor = self.linear(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return found

    for device in ("cpu", "meta"):
        module = Functional(forward, conv=nn.Conv2d(1, 4, 3), linear=nn.Linear(4, 2)).to(device, dtype)
        assert Probe(module, (1, 6, 6)).unit("", (1, 1)).sum() == 9


def test_what_the_probe_cannot_vouch_for_is_said() -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = x + 1
        return F.grid_sample(torch.cdist(x, x), x.permute(0, 2, 3, 1)[..., :2].tanh(), align_corners=False)

    run = Probe(Functional(forward), (2, 4, 4)).run()
    assert [doubt.split()[0] for doubt in run.doubts] == ["the", "_cdist_forward", "computed"]
    assert run.mask("", (0, 0, 1, 1)).all()


def test_mistakes_are_told() -> None:
    probe = Probe(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), (1, 6, 6))
    with pytest.raises(UnknownNameError, match="no module"):
        probe.unit("2", (0, 0))
    with pytest.raises(FieldError, match="2 axes, but at has 1"):
        probe.unit("1", (0,))
    with pytest.raises(FieldError, match="at=4"):
        probe.unit("1", (0, 4))
    with pytest.raises(FieldError, match="units=0"):
        verify("input 6x6x1, conv 1 3x3", units=0)
    with pytest.raises(FieldError, match="does not state the size of its input"):
        verify(nn.Conv2d(1, 1, 3))
    with pytest.raises(FieldError, match="already has its input"):
        verify(cs.read("input 6x6x1, conv 1 3x3"), input="7x7x1")
    with pytest.raises(ShapeError, match="no module returns a map"):
        Probe(nn.Flatten(), (1, 6, 6)).last_map()


def test_views_that_take_the_place_of_what_they_look_at() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = self.conv(x)
        y.unsqueeze_(2)
        found: Tensor = y.squeeze(2).as_strided((1, 2, 4, 4), (32, 16, 4, 1))
        return found

    probe = Probe(Functional(forward, conv=nn.Conv2d(1, 2, 3)), (1, 6, 6))
    assert np.argwhere(probe.unit("", (0, 3)))[0].tolist() == [0, 3]
    assert probe.unit("", (0, 3)).sum() == 9


def test_a_traced_graph_is_probed_as_the_module_is() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 3, dilation=2)).eval()
    made = [torch.fx.symbolic_trace(module), module]
    masks = [Probe(one, (1, 9, 9)).unit("", (1, 2)) for one in made]
    assert masks[0].sum() == 49
    assert all(np.array_equal(mask, masks[0]) for mask in masks)
