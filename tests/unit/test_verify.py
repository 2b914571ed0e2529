"""Claims against modules: what agrees, what is found, and what is left as it was."""

import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

import convscope as cs
from convscope.analyze.support import support
from convscope.backends.torch import TorchNet
from convscope.cli import run
from convscope.core.net import Net
from convscope.errors import ConvscopeError, FieldError, ShapeError, UnknownNameError
from convscope.verification import Probe, compare, verify
from strategies import geometry_texts

torch.set_num_threads(1)

LARGEST = 6000
"""Numbers in a layer of a random net."""


class Functional(nn.Module):
    """A module whose forward is a function."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.function = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def box(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    lines = (np.flatnonzero(mask.any(1 - axis)) for axis in (0, 1))
    return [(int(line[0]), int(line[-1])) for line in lines]


def drawn(text: str) -> Net:
    try:
        net = cs.read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    assume(all(math.prod(layer.output) <= LARGEST for layer in net))
    # a map of one place has no place to lose: whether it was pooled or shrunk shows in the layers only
    assume(all(min(layer.output[1:], default=2) > 1 for layer in net))
    return net


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts())
def test_random_nets_of_every_geometry_agree(text: str) -> None:
    found = verify(drawn(text), units=6)
    assert found.passed, f"{text}\n{found}"
    assert not found.doubts


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
    output = result.places[""].shape
    return np.stack([result.mask("", place).ravel() for place in np.ndindex(output)])


def seeded(module: nn.Module) -> nn.Module:
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=chance) + 0.1)
    return module.double().eval()


def attended(self: Any, x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    found: Tensor = self.attention(tokens, tokens, tokens)[0]
    return found


def windows(x: Tensor, size: int) -> Tensor:
    n, c, h, w = x.shape
    cut = x.reshape(n, c, h // size, size, w // size, size).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(-1, size * size, c)


def whole(tokens: Tensor, size: int, height: int, width: int) -> Tensor:
    cut = tokens.reshape(-1, height // size, width // size, size, size, tokens.shape[-1])
    return cut.permute(0, 5, 1, 3, 2, 4).reshape(-1, tokens.shape[-1], height, width)


def windowed(self: Any, x: Tensor) -> Tensor:
    tokens = windows(torch.roll(x, (-1, -1), (2, 3)), 2)
    mixed: Tensor = F.scaled_dot_product_attention(*self.qkv(tokens).chunk(3, dim=-1))
    return torch.roll(whole(mixed, 2, *x.shape[2:]), (1, 1), (2, 3)) + x


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
    "antialias": (Functional(lambda _, x: F.interpolate(x, (3, 4), mode="bilinear", antialias=True)), (1, 6, 4)),
    "lp pool": (nn.LPPool2d(2, 2, ceil_mode=True), (1, 5, 4)),
    "average pool": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (1, 6, 5)),
    "adaptive pool": (nn.AdaptiveAvgPool2d((2, 3)), (1, 5, 4)),
    "instance norm": (nn.InstanceNorm2d(2), (2, 3, 3)),
    "group norm": (nn.GroupNorm(2, 4), (4, 2, 3)),
    "layer norm": (nn.LayerNorm(3), (2, 3, 3)),
    "rms norm": (nn.RMSNorm((2, 3)), (2, 2, 3)),
    "local norm": (nn.LocalResponseNorm(3), (4, 2, 3)),
    "transposed": (nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2), (2, 3, 3)),
    "grouped": (nn.Conv2d(4, 4, (1, 3), padding=(0, 2), dilation=2, groups=2, padding_mode="reflect"), (4, 3, 4)),
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


def test_a_largest_number_is_found_anywhere_in_its_window() -> None:
    found = verify("input 15x14x1, maxpool 3 s2 d2 p1 ceil, conv 2 1x1, maxpool 2 s1", units=12)
    assert found.passed, found


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("conv 4 5x5 bn relu, conv 4 3x3 s2 p1", "field"),  # a dilation was forgotten
        ("conv 4 3x3 d2 bn relu, conv 4 3x3 p1", "shapes"),  # a stride
        ("conv 4 3x3 d2 bn relu, conv 4 3x3 s2 p1 g2", "params"),  # groups that are not there
        ("conv 4 3x3 d2 bn relu, conv 4 1x3 s2 p1x1", "MACs"),
    ],
)
def test_a_wrong_claim_is_found(wrong: str, what: str) -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, dilation=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2, padding=1)
    )
    right = cs.read("input 12x13x1, conv 4 3x3 d2 bn relu, conv 4 3x3 s2 p1")
    outputs = {"0": "conv1", "1": "bn1", "2": "relu1", "": "conv2"}
    assert compare(module, right, outputs).passed
    found = compare(module, cs.read(f"input 12x13x1, {wrong}"), outputs)
    assert not found.passed
    assert what in [check.what.split()[0] for check in found.checks if not check.agrees]
    assert "NO" in str(found)
    assert "px claimed alone" in str(found) or what != "field"


def test_a_hull_and_a_bound_are_reported_as_such() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    told = cs.read("input 8x8x1, conv 4 3x3, opaque 6x6x4")
    checks = compare(module, told, {"0": "conv1"}).checks
    assert [(check.claimed, check.agrees) for check in checks[:2]] == [("≥ 40", True), ("≥ 1,296", True)]
    assert "unknown for opaque1" in checks[0].note
    found = compare(module, told, {"": "opaque1"})
    assert found.passed
    assert {check.note for check in found.checks[3:]} == {"a hull: contained"}
    assert found.checks[3].claimed == "in 0…7, 0…7: 64"


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
        self.last: Tensor = y + random.random() + torch.rand(1) + float(np.random.rand())  # noqa: NPY002, S311 -- on purpose
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
    expected = random.random(), np.random.rand(), float(torch.rand(1))  # noqa: NPY002, S311 -- as above
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 -- as above
    torch.manual_seed(1)
    probe = Probe(module, (1, 8, 8))
    assert probe.unit("", (0, 0)).sum() == 9
    assert probe.unit("conv", (0, 0), gates=False).sum() == 9
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == expected  # noqa: NPY002, S311 -- as above
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


def excited(self: Any, x: Tensor) -> Tensor:
    y = self.conv(x)
    found: Tensor = y * self.gate(y)
    return found


def gate() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1), nn.Sigmoid())


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


def test_what_two_hundred_layers_see_does_not_fade() -> None:
    net = cs.read("input 17x17x1, 200*( conv 1 3x3 same )")
    probe = Probe(TorchNet(net), net.input)
    assert probe.unit("", (0, 0)).all()
    assert probe.unit("parts.15", (0, 0)).sum() == 17 * 17
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
    assert [doubt.split()[0] for doubt in run.doubts] == ["the", "_cdist_forward", "places"]
    assert run.mask("", (0, 0, 1, 1)).all()


def test_mistakes_are_told() -> None:
    probe = Probe(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), (1, 6, 6))
    with pytest.raises(UnknownNameError, match="no module"):
        probe.unit("2", (0, 0))
    with pytest.raises(FieldError, match="2 axes, at has 1"):
        probe.unit("1", (0,))
    with pytest.raises(FieldError, match="at=4"):
        probe.unit("1", (0, 4))
    with pytest.raises(FieldError, match="units=0"):
        verify("input 6x6x1, conv 1 3x3", units=0)
    with pytest.raises(FieldError, match="does not say its input"):
        verify(nn.Conv2d(1, 1, 3))
    with pytest.raises(FieldError, match="has its input already"):
        verify(cs.read("input 6x6x1, conv 1 3x3"), input="7x7x1")
    with pytest.raises(ShapeError, match="no module gives a map"):
        Probe(nn.Flatten(), (1, 6, 6)).last_map()


def test_a_live_module_is_held_against_what_is_read_from_it() -> None:
    module = Functional(excited, conv=nn.Conv2d(3, 4, 3, stride=2, padding=1), gate=gate())
    found = cs.verify(module, input="13x12x3")
    assert found.passed, found
    assert found == cs.verify(module, input="13x12x3")


NET = "input 12x12x1, conv 4 3x3 d2 bn relu, maxpool 2, conv 8 3x3 same, mul( id | gap, linear 8 sigmoid )"


def test_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["verify", NET, "--units", "3"]) == 0
    out = capsys.readouterr().out
    assert "all agree" in out
    assert "with gates" in out
    assert run(["verify", NET, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["passed"], data["input"], data["doubts"]) == (
        "convscope/verify/1",
        True,
        "12x12x1",
        [],
    )
    assert {"what", "claimed", "probed", "agrees", "note"} == data["checks"][0].keys()
    assert run(["verify", NET, "--units", "0"]) == 2
    assert "units=0" in capsys.readouterr().err
    monkeypatch.setattr("convscope.analyze.cost.macs", lambda _: 1)
    assert run(["verify", NET]) == 1
    assert "1 of " in capsys.readouterr().out


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
