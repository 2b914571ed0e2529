"""What the reader of torch claims: numbers, names, outputs, and a module that is left as it was."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import convscope as cs
from claims import CLAIMS, MAP, Claim, Functional, conv
from convscope.analyze.support import support
from convscope.errors import ModelError
from convscope.frontends.torch import read_module
from imported import in_order, loaded, real_run, without_ones

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning"),
    pytest.mark.filterwarnings("ignore:Using `torch.compile:UserWarning"),  # the counter has hooks
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
]

HAND: dict[str, Any] = json.loads((Path(__file__).parents[1] / "truth" / "hand_nets.json").read_text("utf-8"))["nets"]


def multiply_adds(module: nn.Module, shape: tuple[int, ...]) -> int:
    """By torch's own counter, without numbers."""
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        module.to("meta").eval()(torch.zeros(1, *shape, device="meta"))
    return int(counter.get_total_flops() // 2)


def _buffers(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_buffers(recurse=False)]


def state(module: nn.Module) -> tuple[Any, ...]:
    """All that reading must leave alone."""
    attributes = [
        (name, one.training, {key: id(value) for key, value in one.__dict__.items()}, repr(one.__dict__.keys()))
        for name, one in module.named_modules()
    ]
    holders = [(len(one._forward_hooks), len(one._forward_pre_hooks), _buffers(one)) for one in module.modules()]
    tensors = [
        (name, id(one), one.device, one.requires_grad, one.tolist()) for name, one in module.state_dict().items()
    ]
    return attributes, holders, [(name, *rest) for name, _, *rest in tensors], torch.get_rng_state().tolist()


@pytest.fixture(params=CLAIMS)
def claim(request: pytest.FixtureRequest) -> Claim:
    torch.manual_seed(0)
    return CLAIMS[request.param]


def test_params_and_multiply_adds_are_torchs(claim: Claim) -> None:
    module = claim.build()
    table = read_module(module, claim.input).net.table()
    assert table.params.exact
    assert table.params.value == sum(parameter.numel() for parameter in module.parameters())
    assert table.macs.exact
    assert table.macs.value == multiply_adds(claim.build(), claim.input)


def test_the_net_computes_what_the_module_does(claim: Claim) -> None:
    module = claim.build().train()
    before = state(module)
    imported = read_module(module, claim.input)
    assert state(module) == before
    assert imported.unread == frozenset()
    x = torch.rand(1, *claim.input, generator=torch.Generator().manual_seed(1)) - 0.3
    with torch.no_grad():
        mine = in_order(imported, loaded(imported.net)(x))
        true = module.eval()(x)
    assert without_ones(mine) == without_ones(true)
    torch.testing.assert_close(mine.flatten(), true.flatten(), rtol=1e-5, atol=1e-5)


def test_a_run_on_numbers_finds_the_same(claim: Claim) -> None:
    module = claim.build()
    imported = read_module(module, claim.input)
    found = real_run(claim.build(), claim.input)
    assert (found.net, found.unread) == (imported.net, imported.unread)


def named(module: nn.Module, shape: tuple[int, ...] = MAP) -> list[str]:
    return [layer.node.name for layer in read_module(module, shape).net]


def test_layers_are_called_as_their_modules_are() -> None:
    module = CLAIMS["reused"].build()
    assert named(module) == ["conv", "norm", "act", "conv_2", "norm_2", "act_2", "conv_3"]
    nested = nn.Sequential(nn.Sequential(conv(), nn.ReLU()), Functional(lambda self, x: self.conv(x) + x, conv=conv()))
    assert named(nested) == ["0.0", "0.1", "1.conv", "1.add"]


def test_names_that_the_notation_does_not_have_are_made_fit() -> None:
    module = nn.Sequential()
    for name in ("input", "my conv", "é", "conv1", "conv1_2"):
        module.add_module(name, conv())
    module.add_module("again", nn.Sequential(module.get_submodule("conv1")))
    assert named(module) == ["input_2", "my_conv", "_", "conv1", "conv1_2", "conv1_3"]
    net = read_module(module, MAP).net
    assert [layer.node.name for layer in cs.read(str(net))] == named(module)


def test_weights_that_are_used_again_are_counted_where_they_are_used_first() -> None:
    net = read_module(CLAIMS["tied"].build(), MAP).net
    rows = {row.name: row.params for row in net.table().rows}
    assert rows == {"a": 36, "a_2": 6, "relu": 0, "b": 0, "b_2": 6, "mix": 0}


def test_learned_tensors_that_nobody_reads_are_counted_apart() -> None:
    module = Functional(lambda self, x: self.used(x), used=conv(), unused=nn.Linear(3, 2))
    net = read_module(module, MAP).net
    assert [(weight.name, weight.shape) for weight in net.unused] == [("unused.weight", (2, 3)), ("unused.bias", (2,))]
    assert net.table().params.value == 148 + 8


HAND_CODE = Path(__file__).parents[2] / "benchmarks" / "peers" / "nets.py"
BUILT = {
    "vgg": "vgg", "res": "Residual", "incep": "Inception", "unet": "UNet", "func": "Functional", "grid": "grid",
    "sdpa": "Attention",
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT)
def test_hand_nets(name: str) -> None:
    true = HAND[name]
    size = 16 if name == "func" else 32
    net = cs.read(f"{HAND_CODE}:{BUILT[name]}", input=f"{size}x{size}x3")
    table = net.table()
    assert (table.params.value, table.macs.value) == (true["params"], true["macs"])
    field = table.rows[-1].field if isinstance(true["rf"], list) else table.rows[-1].gated
    assert [axis.size for axis in field] == (true["rf"] if isinstance(true["rf"], list) else [size, size])
    assert all(axis.exact for axis in field)
    if "jump" in true:
        assert [axis.stride for axis in field] == true["jump"]
        assert [axis.centre for axis in field] == true["centre0"]
    found = support(net, at=tuple(n // 2 for n in net.output[1:]))
    assert found.pixels == true.get("support_pixels", size**2)


def test_the_first_tensor_of_a_result_is_the_output() -> None:
    module = Functional(lambda self, x: {"size": 3, "maps": [self.a(x), self.b(x)]}, a=conv(out=5), b=conv(out=6))
    assert read_module(module, MAP).net.output == (5, 6, 6)


def unknown(function: Callable[[Tensor], Any]) -> tuple[Any, Any]:
    """The table of a module that does something unknown between two convolutions, and the whole support after it."""
    module = Functional(lambda self, x: self.b(function(self.a(x)) * 1), a=conv(), b=conv())
    imported = read_module(module, MAP)
    assert imported.unread
    return imported, support(imported.net, at=(0, 0))


UNKNOWN: dict[str, Callable[[Tensor], Any]] = {
    "logcumsumexp": lambda x: x.logcumsumexp(2),
    "cummax": lambda x: x.cummax(3)[0],
    "renorm": lambda x: x.renorm(2, 1, 1.0),
    "where": lambda x: torch.where(x > 0, x, 2 * x),
    "sort": lambda x: x.sort(1)[0],
    "grid_sampler_2d": lambda x: nn.functional.grid_sample(x, torch.zeros(1, 6, 6, 2), align_corners=False),
    "_trilinear": lambda x: nn.functional.bilinear(x, x, torch.ones(6, 6, 6)),
    "linalg_inv_ex": torch.linalg.inv,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_operation_is_named_and_may_read_everything(name: str) -> None:
    imported, found = unknown(UNKNOWN[name])
    assert name in imported.unread
    assert any(name.strip("_") in layer.node.name for layer in imported.net)
    assert found.mask.all()
    assert not found.exact
    last = imported.net.table().rows[-1]
    assert not any(axis.exact for axis in last.gated)


def test_work_that_nobody_counts_is_not_zero() -> None:
    for name, known in {"logcumsumexp": True, "_trilinear": False, "linalg_inv_ex": False}.items():
        assert unknown(UNKNOWN[name])[0].net.table().macs.exact is known


def test_a_kernel_that_depends_on_the_input_is_counted() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        kernels = self.mix(x.mean((2, 3))).view(4, 4, 3, 3)
        return nn.functional.conv2d(x, kernels, padding=1)

    table = read_module(Functional(forward, mix=nn.Linear(4, 144)), MAP).net.table()
    assert (table.params.value, table.macs.value, table.macs.exact) == (720, 576 + 4 * 4 * 9 * 36, True)


READS_NUMBERS: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda x: x / x.abs().max().item(),
    "branch": lambda x: x if x.sum() > 0 else -x,
    "float": lambda x: x * float(x.mean()),
    "tolist": lambda x: x / max(x.flatten().tolist()),
    "numpy": lambda x: x + torch.from_numpy(x.numpy() * 2),
    "nonzero": lambda x: x * len(x.nonzero()),
}


@pytest.mark.parametrize("name", READS_NUMBERS)
def test_code_that_looks_at_numbers_is_run_on_some_and_flagged(name: str) -> None:
    module = Functional(lambda self, x: READS_NUMBERS[name](self.conv(x)), conv=conv())
    before = state(module)
    imported = read_module(module, MAP)
    table = imported.net.table()
    assert state(module) == before
    assert imported.unread
    assert not table.macs.exact
    assert (table.params.value, table.macs.value) == (148, 5184)


def test_a_model_without_numbers_is_read_and_says_so_when_asked_for_them() -> None:
    with torch.device("meta"):
        module = nn.Sequential(conv(), nn.BatchNorm2d(4), CLAIMS["stored"].build())
    net = read_module(module, MAP).net
    assert net.table().params.value == 148 + 8 + 152
    assert net.tensors is not None
    with pytest.raises(ModelError, match="has no values"):
        net.tensors()


def test_only_the_weights_that_are_asked_for_are_made() -> None:
    module = Functional(
        lambda self, x: self.head(nn.functional.linear(x, self.big.weight * 2)),
        big=nn.Linear(1100, 1100, bias=False),
        head=nn.Linear(1100, 2),
    )
    imported = read_module(module, (1100,))
    x = torch.rand(1, 1100)
    torch.testing.assert_close(loaded(imported.net)(x), module(x))


def test_reading_does_not_depend_on_the_mode_or_change_it() -> None:
    module: Any = CLAIMS["dropout"].build()
    module[0].eval()
    trained = read_module(module, MAP).net
    assert [one.training for one in module] == [False, True, True, True, True]
    assert trained == read_module(module.eval(), MAP).net
    assert copy.deepcopy(module).training is False
