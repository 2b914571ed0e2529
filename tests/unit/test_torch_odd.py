"""Modules that do what modules should not, or rarely do: they are read, or refused with one clear line."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from claims import CLAIMS, MAP, Functional, conv
from convscope.errors import ConvscopeError, FieldError, ModelError, ShapeError, UnknownNameError
from convscope.frontends.torch import read_module
from imported import in_order, loaded


def same_output(module: nn.Module, shape: tuple[int, ...] = MAP) -> None:
    """The net of a module computes what it does."""
    imported = read_module(module, shape)
    x = torch.rand(1, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = module.eval()(x)
        mine = in_order(imported, loaded(imported.net)(x))
    torch.testing.assert_close(mine.flatten(), found.flatten(), rtol=1e-5, atol=1e-5)


@dataclass(slots=True)
class Result:
    loss: Tensor | None
    maps: Tensor


@pytest.mark.parametrize("wrap", [lambda y: Result(None, y), lambda y: {"maps": (y,)}, lambda y: [[], y]])
def test_results_of_many_kinds(wrap: Callable[[Tensor], Any]) -> None:
    assert read_module(Functional(lambda self, x: wrap(self.conv(x)), conv=conv(out=7)), MAP).net.output == (7, 6, 6)


def test_hooks_that_change_what_goes_in_and_out() -> None:
    module = nn.Sequential(conv(), nn.ReLU())
    module[0].register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    module[0].register_forward_hook(lambda _, args, output: output * 2 - args[0])
    same_output(module)


def test_an_output_that_is_a_view_is_rearranged_unless_only_its_order_differs() -> None:
    shuffled = read_module(nn.Sequential(conv(), nn.PixelShuffle(2)), MAP)
    assert (shuffled.net.output, shuffled.net.outputs[0].order) == ((1, 12, 12), "")
    turned = read_module(Functional(lambda self, x: self.conv(x).permute(0, 2, 3, 1), conv=conv()), MAP)
    assert (len(turned.net), turned.net.output) == (1, (4, 6, 6))
    assert turned.net.outputs[0].order == "a4xb6xc6:nxbxcxa"
    flat = read_module(Functional(lambda self, x: self.conv(x).flatten(1), conv=conv()), MAP)
    assert (flat.net.output, flat.net.outputs[0].order) == ((144,), "")


def state_kept(self: Any, x: Tensor) -> Any:
    """Counts its calls, keeps a cache and its last input, averages over batches, replaces and clips what it stores."""
    self.calls += 1
    self.cache[x.shape] = torch.ones(4, 6, 6)
    self.seen.append(x)
    self.last = x
    self.mean.mul_(0.9).add_(x.mean((0, 2, 3)), alpha=0.1)
    self.other = self.other * 2
    self.conv.weight.data.clamp_(-0.1, 0.1)
    return self.conv(x) - self.mean[:, None, None] + self.other[:, None, None]


def test_what_a_module_keeps_from_a_run_is_put_back() -> None:
    module = Functional(state_kept, conv=conv())
    module.calls, module.cache, module.seen = 3, {}, []  # type: ignore[assignment] # attributes of its own
    module.register_buffer("mean", torch.zeros(4))
    module.register_buffer("other", torch.ones(4))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    attributes = dict(module.__dict__)
    imported = read_module(module, MAP)
    assert module.__dict__.keys() == attributes.keys()
    assert (module.calls, module.cache, module.seen) == (3, {}, [])
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    with torch.no_grad():
        x = torch.rand(1, *MAP)
        torch.testing.assert_close(loaded(imported.net)(x), module(x), rtol=1e-5, atol=1e-5)


def test_random_numbers_of_the_user_are_not_used_up() -> None:
    module = Functional(lambda self, x: self.conv(x) + torch.rand(6) * torch.randperm(6), conv=conv())
    before = torch.get_rng_state()
    read_module(module, MAP)
    assert torch.equal(torch.get_rng_state(), before)


def test_old_ways_to_norm_weights_are_put_back_too() -> None:
    with pytest.warns(FutureWarning):
        module = nn.Sequential(nn.utils.weight_norm(conv()))
    weight = module[0].weight
    net = read_module(module, MAP).net
    assert module[0].weight is weight
    assert net.table().params.value == 152


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_kinds_of_numbers(kind: torch.dtype) -> None:
    branch = Functional(lambda _, x: x if x.sum() > 1e9 else x + 1)
    module = nn.Sequential(conv(), nn.ReLU(), branch).to(kind)
    table = read_module(module, MAP).net.table()
    assert (table.params.value, table.macs.value) == (148, 5184)


def fails(_: Any, x: Tensor) -> Tensor:
    raise RuntimeError(f"no such thing\nas {x.shape}")


def test_a_module_that_catches_a_failure_goes_on_under_its_own_names() -> None:
    def forward(self: Any, x: Any) -> Any:
        x = self.a(x)
        try:
            x = self.broken(x)
        except RuntimeError:
            x = self.b(x)
        return self.c(x) + 1

    module = Functional(forward, a=conv(), broken=Functional(fails), b=conv(), c=conv())
    assert [layer.node.name for layer in read_module(module, MAP).net] == ["a", "b", "c", "plus"]


def endless(self: Any, x: Tensor) -> Tensor:
    found: Tensor = self.forward(self.conv(x))
    return found


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "wrong channels": (
        lambda: nn.Sequential(nn.Sequential(conv(), conv(3))),
        r"^0\.1: the model does not run on 6x6x4",
    ),
    "wrong size": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(100, 3)), r"^1: .* cannot be multiplied"),
    "raises": (lambda: nn.Sequential(conv(), Functional(fails)), "^1: the model does not run on 6x6x4: no such thing$"),
    "endless": (lambda: Functional(endless, conv=conv()), "maximum recursion depth"),
    "lazy": (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), "^0.weight has no shape yet"),
    "independent": (lambda: Functional(lambda self, _: self.a.weight * 2, a=conv()), "does not depend on its input"),
    "nothing": (nn.Identity, "no layers that read its input"),
    "no tensor": (lambda: Functional(lambda self, x: str(self.a(x))), "'Functional' object has no attribute 'a'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(name: str) -> None:
    build, message = REFUSED[name]
    module = build()
    with pytest.raises(ShapeError) as caught:
        read_module(module, MAP)
    text = str(caught.value)
    import re

    assert re.search(message, text, re.MULTILINE), text
    assert all(one.training for one in module.modules())


def test_interruptions_are_not_swallowed_and_the_module_is_put_back() -> None:
    def stop(*_: Any) -> Tensor:
        raise KeyboardInterrupt

    module = nn.Sequential(conv(), Functional(stop))
    with pytest.raises(KeyboardInterrupt):
        read_module(module, MAP)
    assert module[0].training
    assert not torch.is_inference_mode_enabled()


def test_threads_that_read_and_run_do_not_meet() -> None:
    shared, other = CLAIMS["reused"].build(), CLAIMS["shuffle"].build().train()
    names, x = [layer.node.name for layer in read_module(shared, MAP).net], torch.rand(1, *MAP)
    found: list[bool] = []

    def reads() -> None:
        found.extend([layer.node.name for layer in read_module(shared, MAP).net] == names for _ in range(5))

    def runs() -> None:
        found.extend(other(x).requires_grad for _ in range(20))

    threads = [threading.Thread(target=one) for one in (reads, reads, runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 30
    assert all(one.training for one in shared.modules())


CODE = """
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from beside import WIDTH

@dataclass
class Config:
    width: int = WIDTH

class Small(nn.Module):
    def __init__(self, config: Config = Config()):
        super().__init__()
        self.conv = nn.Conv2d(3, config.width, 3)

    def forward(self, x):
        return self.conv(x)

def make_net():
    import late
    return Small(Config(late.WIDTH))

def breaks():
    raise ValueError("no such thing")

def leaves():
    raise SystemExit(3)

ready = Small()
number = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("WIDTH = 4\n", encoding="utf-8")
    (tmp_path / "late.py").write_text("WIDTH = 6\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    return tmp_path / "mine.py"


def test_a_module_out_of_a_file(file: Path) -> None:
    import sys

    path = list(sys.path)
    for name, width in {"make_net": 6, "Small": 4, "ready": 4}.items():
        net = cs.read(f"{file}:{name}", input="8x8x3")
        assert str(net) == f"input 8x8x3, conv: conv {width} 3x3"
    assert sys.path == path


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("breaks", ModelError, "breaks cannot be created: ValueError: no such thing"),
        ("leaves", ModelError, "leaves cannot be created: SystemExit: 3"),
        ("number", ModelError, "number is of type int"),
        ("nothing", UnknownNameError, 'has no "nothing"'),
    ],
)
def test_a_file_that_gives_no_model(file: Path, name: str, error: type[ConvscopeError], message: str) -> None:
    with pytest.raises(error, match=message):
        cs.read(f"{file}:{name}", input="8x8x3")


def test_a_live_module_needs_the_size_of_its_input() -> None:
    module = conv(3)
    assert cs.read(module, input="8x8x3").output == (4, 8, 8)
    with pytest.raises(FieldError, match="does not state the size of its input"):
        cs.read(module)
    with pytest.raises(ShapeError, match="does not run on 8x8x4"):
        cs.read(module, input="8x8x4")
    with pytest.raises(ModelError, match="a net cannot be read from dict"):
        cs.read({})


def test_a_split_into_unequal_parts_is_cut_as_torch_cuts_it() -> None:
    """The first parts are by one longer, unlike those of ``chunk``; or it is cut at given indices."""

    def means(_: Any, x: Tensor) -> Tensor:
        return torch.cat([part.mean(2, keepdim=True) for part in x.tensor_split(4, 2)], 2)

    def largest(_: Any, x: Tensor) -> Tensor:
        return torch.cat([part.amax(2, keepdim=True) for part in x.tensor_split((1, -2), 2)], 2)

    same_output(Functional(means), (2, 6, 4))
    same_output(Functional(largest), (2, 6, 4))


@pytest.mark.parametrize("size", ["8x10x3", "9x9x3", "4x5x6x3"])
def test_an_argmax_over_channels_leaves_a_map(size: str) -> None:
    class Segmented(nn.Module):
        def __init__(self, conv: nn.Module) -> None:
            super().__init__()
            self.conv = conv

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.conv(x).argmax(1)
            return out

    rank = size.count("x")
    conv = (nn.Conv2d if rank == 2 else nn.Conv3d)(3, 5, 3, padding=1)
    row = cs.read(Segmented(conv), input=size).table().to_json()["rows"][-1]
    assert row["out"] == f"{size.rpartition('x')[0]}x1"


def test_large_weights_that_are_made_with_small_ones_are_there_when_asked_for() -> None:
    """Small tensors are made while the module is read, large ones when their numbers are wanted."""

    class Standardised(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            flat = self.weight.reshape(1, self.out_channels, -1)
            gain = torch.mul(self.get_parameter("bias"), 0.5)
            scaled = nn.functional.batch_norm(flat, None, None, weight=gain, training=True, momentum=0.0)
            return nn.functional.conv2d(x, scaled.reshape_as(self.weight), self.bias)

    same_output(Standardised(600, 300, 3), (600, 3, 3))


def test_nothing_is_compiled_while_a_module_is_read() -> None:
    asked: list[object] = []

    def compile_graph(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        asked.append(graph)
        return graph

    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    net = cs.read(nn.Sequential(cast("nn.Module", torch.compile(inner, backend=compile_graph))), input="8x8x3")
    assert [layer.node.op.keyword for layer in net] == ["conv", "relu"]
    assert asked == []
    torch.compile(inner, backend=compile_graph)(torch.zeros(1, 3, 8, 8))
    assert len(asked) == 1  # it is compiled when it runs
