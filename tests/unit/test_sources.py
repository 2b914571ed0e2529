"""Law: every public function that asks about a net takes whatever a net can be read from."""

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.cli import run
from convscope.errors import ConvscopeError, FieldError, ModelError, ShapeError

TEXT = "input 28x28x1, conv 4 3x3 relu, gap, linear 3"

ASK: dict[str, Callable[..., object]] = {
    "check": cs.check,
    "compare": lambda net, **given: cs.compare(net, net, **given),
    "effective": cs.effective,
    "look": lambda net, **given: cs.look(net, what="kernels", **given),
    "draw": cs.draw,
    "explore": cs.explore,
    "memory": cs.memory,
    "read": cs.read,
    "report": cs.report,
    "support": cs.support,
    "verify": lambda net, **given: cs.verify(net, units=1, **given),
    "write": cs.write,
}
"""Every public function of a net, asked in the shortest way."""

OTHERS = {
    "activations": "functions, or a run",
    "depth": "sizes",
    "evaluate": "a run",
    "export": "a run",
    "filter": "an image",
    "find_lr": "as train",
    "load_run": "a run",
    "predict": "a run",
    "push": "a run",
    "raise_limits": "a number",
    "repeat": "a run",
    "resume": "a run",
    "train": "text, a path or a net: its data say the size of the input; tested below",
}
"""Public functions that ask about something else."""


def make() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def test_no_public_function_is_forgotten() -> None:
    public = {name for name in cs.__all__ if inspect.isfunction(getattr(cs, name))}
    assert public == ASK.keys() | OTHERS.keys()


@pytest.mark.parametrize("name", ASK)
def test_text_a_path_and_a_net_are_one_net(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_text(TEXT, encoding="utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/net.cnn").write_text(TEXT, encoding="utf-8")
    net = cs.read(TEXT)
    sources = [TEXT, path, str(path), net]
    sources += [] if name in {"look", "report"} else [tmp_path / "run"]  # which want a whole run there
    found = [str(ASK[name](source)).replace(str(tmp_path), "").splitlines()[-1] for source in sources]
    assert len(found) == len(sources)
    if name not in {"look", "report"}:  # they name what they were given
        assert len(set(found)) == 1


@pytest.mark.parametrize("name", ASK)
def test_a_module_with_its_input(name: str) -> None:
    assert str(ASK[name](make(), input="28x28x1"))
    with pytest.raises(ConvscopeError, match="input"):
        ASK[name](make())
    with pytest.raises(ConvscopeError, match=r"cannot be read from int|not a"):
        ASK[name](3)


def test_a_net_has_its_input() -> None:
    for ask in (cs.check, cs.memory, cs.read, cs.write):
        with pytest.raises(FieldError, match="has its input already"):
            ask(cs.read(TEXT), input="8x8x1")


def test_train_takes_text_and_a_path(tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_text(TEXT, encoding="utf-8")
    for source in (TEXT, path, cs.read(TEXT)):
        with pytest.raises(ShapeError, match="ends in 3"):
            cs.train(source, data="mnist", out=tmp_path)


SAME = (
    "32x20x3",
    (1, 3, 32, 20),
    [8, 3, 32, 20],
    torch.Size([1, 3, 32, 20]),
    (np.int64(1), np.int64(3), 32, 20),
    torch.zeros(1, 3, 32, 20),
    np.zeros((1, 3, 32, 20), np.float32),
)


@pytest.mark.parametrize("size", SAME, ids=lambda size: f"{type(size).__name__} {str(size)[:12]}")
def test_an_input_in_every_way(size: object) -> None:
    module = nn.Conv2d(3, 4, 3)
    assert cs.read(module, input=size).input == (3, 32, 20)
    assert cs.read(module, input={"input": size}).input == (3, 32, 20)
    assert cs.memory(module, input=size).peak == cs.memory(module, input="32x20x3").peak


@pytest.mark.parametrize(
    ("size", "meant"),
    [
        ("3x32x32", "32x32x3: sizes are written height x width x channels"),
        ((3, 32, 32), "input=(1, 3, 32, 32): shapes are n c h w"),
        ((32, 32, 3), "input=(1, 3, 32, 32): shapes are n c h w"),
        ((8, 32, 32, 3), "input=(8, 3, 32, 32): shapes are n c h w"),
        (np.zeros((32, 32, 3)), "input=(1, 3, 32, 32): shapes are n c h w"),
        (torch.zeros(3, 32, 32), "input=(1, 3, 32, 32): shapes are n c h w"),
    ],
)
def test_mixed_up_axes_are_explained(size: object, meant: str) -> None:
    for ask in (cs.read, cs.check, cs.verify):
        with pytest.raises(ShapeError) as caught:
            ask(nn.Conv2d(3, 4, 3), input=size)
        assert meant in caught.value.attempt


def test_what_is_not_there_is_said_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in ("table", "check", "look", "write"):
        assert run([command, f"{tmp_path}/nix"]) == 2
        assert capsys.readouterr().err.startswith(f"ModelError: {tmp_path}/nix: there is no such file or folder")


def test_a_python_file_lists_what_it_offers(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def make():\n  pass\nclass KWS(Module):\n  pass\ndef helper(x):\n  pass\n", encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        cs.read(str(path))
    assert "one of make, KWS" in caught.value.expected
    assert caught.value.attempt == f"{path}:make"


def test_a_model_on_a_server_that_is_not_reached_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="timm:hf-hub:nobody/nothing cannot be fetched") as caught:
        cs.read("timm:hf-hub:nobody/nothing")
    assert "check the name, the network" in caught.value.attempt
