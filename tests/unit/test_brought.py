"""Weights that a model brings: training starts from all of them, exactly, whatever brings them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save_file
from torch import nn

import convscope as cs
from convscope.backends.torch import TorchNet, weights_out
from convscope.cli import run
from convscope.data.objects import named
from convscope.errors import FieldError, ModelError, RunError, ShapeError, UnknownNameError
from convscope.frontends import named as packages
from convscope.training import chosen
from convscope.training import run as runs
from convscope.training import train as training
from convscope.training.brought import bring
from convscope.training.contents import INITIAL, MODEL
from convscope.training.initial import packed
from convscope.training.signals import Stopped
from convscope.training.start import Asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convscope.progress import Progress
    from convscope.training.run import Run

TEXT = "input 12x12x1, conv 6 3x3 bn relu, maxpool 2, conv 8 3x3 bn relu, gap, linear 4"
CODE = """
from torch import nn


class Small(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2))
        self.more = nn.Sequential(nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        return self.fc(self.more(self.body(x)).flatten(1))
"""


def images(path: Path, classes: int = 4, each: int = 20) -> str:
    """Write images of a few classes that are easy to learn, and return the name of the set."""
    random = np.random.default_rng(0)
    base = random.integers(0, 256, (classes, 1, 12, 12))
    labels = np.arange(classes * each) % classes
    pixels = np.clip(base[labels] + random.integers(-40, 41, (len(labels), 1, 12, 12)), 0, 255).astype(np.uint8)
    most = len(labels) * 3 // 4
    np.savez(
        path,
        train_images=pixels[:most],
        train_labels=labels[:most],
        test_images=pixels[most:],
        test_labels=labels[most:],
        classes=np.array([f"kind {at}" for at in range(classes)]),
    )
    return f"npz:{path}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return images(tmp_path_factory.mktemp("sets") / "four.npz")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, data: str) -> Run:
    return cs.train(TEXT, data=data, epochs=20, batch=20, out=tmp_path_factory.mktemp("source"))


def small(tmp_path: Path) -> str:
    path = tmp_path / "small.py"
    path.write_text(CODE, encoding="utf-8")
    return f"{path}:Small"


def module(run: Run) -> nn.Module:
    """Return the user's own module with the weights of a run."""
    space: dict[str, Any] = {}
    exec(CODE, space)  # noqa: S102 -- our own
    made: nn.Module = space["Small"]()
    at = {"body.0": "conv1", "body.1": "bn1", "more.0": "conv2", "more.1": "bn2", "fc": "linear1"}
    mine = load_file(run.path / MODEL)
    names = [(name, *name.rsplit(".", 1)) for name in made.state_dict()]
    made.load_state_dict({name: mine[f"{at[layer]}.{key}"] for name, layer, key in names})
    return made.eval()


def forms(tmp_path: Path, run: Run) -> dict[str, dict[str, Any]]:
    """Return the five forms in which the weights of a run may be brought."""
    tensors = training.tensors_of(run)
    (tmp_path / "net.onnx").write_bytes(bytes(cs.write(run.net, to="onnx", tensors=tensors)))  # type: ignore[arg-type]
    (tmp_path / "net.keras").write_bytes(bytes(cs.write(run.net, to="keras_model", tensors=tensors)))  # type: ignore[arg-type]
    live = module(run)
    save_file(live.state_dict(), tmp_path / "net.safetensors")
    return {
        "run": {"net": run},
        "live": {"net": live},
        "onnx": {"net": tmp_path / "net.onnx"},
        "keras": {"net": tmp_path / "net.keras"},
        "safetensors": {"net": small(tmp_path), "weights": tmp_path / "net.safetensors"},
    }


def first_loss(tmp_path: Path, data: str, **given: Any) -> float:
    """Return the loss of a run after a step that changes nothing."""
    begun = cs.train(data=data, epochs=1e-6, lr=1e-30, out=tmp_path / "first", **given)
    return begun.result.loss


def test_the_first_evaluation_is_that_of_the_source_for_all_five_forms(tmp_path: Path, source: Run, data: str) -> None:
    true = cs.evaluate(source)
    assert true.accuracy > 0.9
    for form, given in forms(tmp_path, source).items():
        net = given.pop("net")
        more = {} if form == "run" else given
        found = cs.evaluate(net, data=data, **more)
        assert abs(found.loss - true.loss) < 1e-4, form
        assert found.confusion == true.confusion, form
        begun = bring(net, input="12x12x1" if form in {"live", "safetensors"} else None, **more)
        assert begun.tensors is not None, form
        assert abs(first_loss(tmp_path, data, net=net, **more) - true.loss) < 0.05, form  # norms took one step
    assert abs(first_loss(tmp_path, data, net=TEXT) - true.loss) > 0.2


class Wide(nn.Module):
    """A module with every kind of layer that has weights."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU(8))
        self.b = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.GroupNorm(2, 8), nn.SiLU())
        self.c = nn.Sequential(nn.ConvTranspose2d(8, 4, 2, stride=2), nn.InstanceNorm2d(4, affine=True))
        self.d = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 4))
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.d(self.c(self.b(self.a(x)))) * self.scale
        return found


def planted(made: nn.Module) -> dict[str, float]:
    """Plant a value of its own into each tensor of a module; norms stay positive."""
    found = {}
    for at, (name, tensor) in enumerate(made.state_dict().items()):
        if tensor.is_floating_point():
            found[name] = 2.0 + at / 64  # exact in float32
            with torch.no_grad():
                tensor.flatten()[-1] = found[name]
    return found


def values_of(net: cs.Net, tensors: Any) -> set[float]:
    """Return every value that a model built of these tensors has."""
    model = TorchNet(net)
    state = load(packed(net, tensors))
    assert {*state} == {*weights_out(model)}
    return {float(value) for tensor in state.values() for value in tensor.flatten().tolist()}


def lost(planted_values: dict[str, float], source: object, **given: Any) -> list[str]:
    brought = bring(source, **given)
    assert brought.tensors is not None
    there = values_of(brought.net, brought.tensors)
    return [name for name, value in planted_values.items() if value not in there]


def test_no_weight_of_a_live_module_is_dropped() -> None:
    made = Wide().eval()
    assert lost(planted(made), made, input="12x12x1") == []


@pytest.mark.filterwarnings("ignore")
def test_no_weight_of_an_onnx_file_is_dropped(tmp_path: Path) -> None:
    made = Wide().eval()
    known = planted(made)
    torch.onnx.export(made, (torch.zeros(1, 1, 12, 12),), tmp_path / "wide.onnx", dynamo=False)
    kept = {name: value for name, value in known.items() if not name.startswith("a.1") and name != "a.0.bias"}
    found = lost(kept, tmp_path / "wide.onnx")
    assert [name for name in found if not name.startswith("a.0")] == []  # the exporter folds this norm into its kernel


def test_no_weight_of_a_file_of_weights_is_dropped(tmp_path: Path, source: Run) -> None:
    made = module(source)
    known = planted(made)
    for name in ("net.safetensors", "net.pt"):
        if name.endswith("pt"):
            torch.save(
                {"state_dict": {f"module.{key}": one for key, one in made.state_dict().items()}}, tmp_path / name
            )
        else:
            save_file(made.state_dict(), tmp_path / name)
        assert lost(known, small(tmp_path), weights=tmp_path / name, input="12x12x1") == []


@pytest.mark.parametrize(
    ("name", "end"), [("torchvision:squeezenet1_1", "safetensors"), ("timm:mobilenetv3_small_050", "pth")]
)
def test_no_weight_of_a_model_of_a_package_is_dropped(tmp_path: Path, name: str, end: str) -> None:
    if name.startswith("timm"):
        pytest.importorskip("timm")
    made, _ = packages.model(name, numbers=True)
    assert isinstance(made, nn.Module)
    known = planted(made)
    path = tmp_path / f"net.{end}"
    save_file(made.state_dict(), path) if end == "safetensors" else torch.save(made.state_dict(), path)
    assert lost(known, name, weights=path, input="64x64x3") == []


def test_no_weight_of_a_net_that_was_read_is_dropped() -> None:
    made = Wide().eval()
    known = planted(made)
    assert lost(known, cs.read(made, input="12x12x1")) == []


def test_no_weight_of_a_stopped_run_is_dropped(tmp_path: Path, source: Run, data: str) -> None:
    with pytest.raises(Stopped) as stopped:
        cs.train(source, data=data, epochs=10, batch=20, out=tmp_path, progress=stopping(10))
    halted = cs.load_run(stopped.value.path)
    known = {name: float(one.flat[0]) for name, one in training.tensors_of(halted).items()}
    assert lost(known, halted.path) == []
    assert known != {name: float(one.flat[0]) for name, one in training.tensors_of(source).items()}


def test_no_weight_of_a_run_is_dropped(source: Run) -> None:
    known = {name: float(one.flat[0]) for name, one in training.tensors_of(source).items()}
    assert lost(known, source) == []


@pytest.mark.filterwarnings("ignore")
def test_no_weight_of_a_keras_model_is_dropped(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    made = keras.Sequential([
        layers.Input((12, 12, 1)), layers.Conv2D(6, 3), layers.BatchNormalization(), layers.PReLU(shared_axes=[1, 2]),
        layers.DepthwiseConv2D(3), layers.SeparableConv2D(4, 3), layers.Conv2DTranspose(3, 2),
        layers.GlobalAveragePooling2D(), layers.LayerNormalization(), layers.Dense(4),
    ])  # fmt: skip
    known = {}
    for at, weight in enumerate(made.weights):
        array = np.array(weight)
        array.flat[-1] = known[f"{at} {weight.path}"] = 2.0 + at / 64
        weight.assign(array)
    made.save(tmp_path / "wide.keras")
    for form in (made, tmp_path / "wide.keras"):
        assert lost(known, form) == []


def test_a_weight_that_is_dropped_would_be_found(source: Run) -> None:
    tensors = training.tensors_of(source)
    assert lost({"other": 123.0}, source) == ["other"]
    del tensors["conv1.weight"]
    with pytest.raises(ModelError, match="do not belong"):
        values_of(source.net, tensors)


def test_a_recipe_does_not_replace_weights_that_are_brought(tmp_path: Path, source: Run, data: str) -> None:
    said: list[str] = []
    settings = cs.load_run(source.path).recipe.changed(dirac=True, whiten=True, epochs=1e-6, learning_rate=1e-30)
    begun = cs.train(source, data=data, recipe=settings, out=tmp_path, note=said.append)
    mine, its = load_file(begun.path / MODEL), load_file(source.path / MODEL)
    assert all(torch.equal(mine[name], its[name]) for name in ("conv1.weight", "conv2.weight", "linear1.weight"))
    assert any("dirac and whiten of the recipe" in note for note in said)


def stopping(at: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.step >= at:
            import signal

            signal.raise_signal(signal.SIGTERM)

    return report


def test_resume_and_repeat_of_a_run_with_brought_weights_are_bit_equal(tmp_path: Path, source: Run, data: str) -> None:
    live = module(source)
    given: dict[str, Any] = {"data": data, "epochs": 10, "batch": 20, "freeze": "body.*", "lr_head": 0.02}
    whole = cs.train(live, out=tmp_path / "whole", **given)
    for at in (10, 20):
        with pytest.raises(Stopped) as stopped:
            cs.train(live, out=tmp_path / f"stopped{at}", progress=stopping(at), **given)
        with torch.no_grad():
            for one in live.parameters():
                one.add_(1)  # the model is another by now
        resumed = cs.resume(stopped.value.path)
        assert resumed.result.sha256 == whole.result.sha256
        live = module(source)
    again = cs.repeat(whole.path, out=tmp_path / "again")
    assert again.result.sha256 == whole.result.sha256
    assert cs.train(TEXT, out=tmp_path / "other", **given | {"freeze": ()}).result.sha256 != whole.result.sha256


def test_initial_weights_are_sealed(tmp_path: Path, source: Run, data: str) -> None:
    begun = cs.train(source, data=data, epochs=0.1, out=tmp_path)
    assert INITIAL in begun.result.sha256
    path = begun.path / INITIAL
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"initial.safetensors is damaged"):
        cs.load_run(begun.path)
    path.unlink()
    with pytest.raises(RunError, match=r"initial.safetensors is damaged"):
        cs.load_run(begun.path)


def test_frozen_layers_keep_every_value_and_statistic(tmp_path: Path, source: Run, data: str) -> None:
    begun = cs.train(source, data=data, epochs=5, batch=20, freeze=["conv*", "bn1"], out=tmp_path)
    mine, its = load_file(begun.path / MODEL), load_file(source.path / MODEL)
    same = {name for name in its if torch.equal(mine[name], its[name])}
    assert {name for name in its if name.startswith(("conv", "bn1"))} <= same
    assert not {"bn2.running_mean", "linear1.weight"} & same


def test_a_pattern_that_names_nothing_is_an_error(tmp_path: Path, source: Run, data: str) -> None:
    with pytest.raises(FieldError, match='no layer with weights is called "layer4"') as error:
        cs.train(source, data=data, freeze="layer4", out=tmp_path)
    assert "conv1, bn1, conv2, bn2, linear1" in error.value.expected
    with pytest.raises(FieldError, match="nothing to train"):
        cs.train(source, data=data, freeze="*", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_layers_that_are_frozen_in_the_model_stay_so(tmp_path: Path, source: Run, data: str) -> None:
    live = module(source)
    for weight in live.get_submodule("body").parameters():
        weight.requires_grad_(False)  # noqa: FBT003 -- torch's own
    begun = cs.train(live, data=data, epochs=5, batch=20, out=tmp_path / "runs")
    mine, its = load_file(begun.path / MODEL), load_file(source.path / MODEL)
    assert torch.equal(mine["body.0.weight"], its["conv1.weight"])
    assert not torch.equal(mine["fc.weight"], its["linear1.weight"])


class Plain(nn.Module):
    """A module whose norm has statistics and nothing to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.fc(self.body(x).flatten(1))
        return found


@pytest.mark.parametrize("freeze", ["body", "body.1", "body.*"])
def test_a_frozen_norm_without_weights_keeps_its_statistics(tmp_path: Path, data: str, freeze: str) -> None:
    said: list[str] = []
    begun = cs.train(Plain().eval(), data=data, epochs=2, batch=20, freeze=freeze, out=tmp_path, note=said.append)
    mine = load_file(begun.path / MODEL)
    assert torch.equal(mine["body.1.running_mean"], torch.zeros(4))
    assert any(note.startswith("frozen: body") or "body.1" in note for note in said)
    again = cs.train(Plain().eval(), data=data, epochs=2, batch=20, freeze="body.0", out=tmp_path)
    assert not torch.equal(load_file(again.path / MODEL)["body.1.running_mean"], torch.zeros(4))


def test_a_model_of_a_package_without_weights_gets_a_head_for_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path))
    colours = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3)).astype(np.uint8)
    begun = chosen.begin(
        Asked("torchvision:squeezenet1_1", "32x32x3"), None, {"data": named((colours, np.arange(30) % 3))}
    )
    assert begun.net.output[0] == 3
    assert begun.tensors is None
    assert any("is made without trained weights" in note for note in begun.notes)
    assert any("gave 1000 scores: it is replaced by one with 3" in note for note in begun.notes)


def test_the_head_follows_the_number_of_classes(tmp_path: Path, source: Run) -> None:
    said: list[str] = []
    six = images(tmp_path / "six.npz", classes=6)
    begun = cs.train(module(source), data=six, epochs=1e-6, lr=1e-30, out=tmp_path, note=said.append)
    mine, its = load_file(begun.path / MODEL), load_file(source.path / MODEL)
    assert mine["fc.weight"].shape == (6, 8)
    assert torch.equal(mine["body.0.weight"], its["conv1.weight"])
    assert any('the head "fc" gave 4 scores: it is replaced by one with 6' in note for note in said)


def test_rows_of_a_run_follow_the_names_of_its_classes(tmp_path: Path, source: Run) -> None:
    six = images(tmp_path / "six.npz", classes=6)
    begun = cs.train(source, data=six, epochs=1e-6, lr=1e-30, out=tmp_path)
    mine, its = load_file(begun.path / MODEL), load_file(source.path / MODEL)
    assert torch.equal(mine["linear1.weight"][:4], its["linear1.weight"])
    assert mine["linear1.weight"].shape == (6, 8)


def test_a_head_that_cannot_be_replaced_is_an_error(tmp_path: Path, data: str) -> None:
    class Tail(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.conv(x).mean((2, 3))
            return y * y + y

    with pytest.raises(ShapeError, match="not a head that can be replaced"):
        cs.train(Tail(), data=data, out=tmp_path)


def test_wrong_settings_are_our_errors(tmp_path: Path, source: Run, data: str) -> None:
    live = module(source)
    save_file({"fc.weight": torch.zeros(4, 8)}, tmp_path / "part.safetensors")
    with pytest.raises(ModelError, match="does not hold the weights") as error:
        cs.train(live, data=data, weights=tmp_path / "part.safetensors", out=tmp_path / "runs")
    assert "it lacks body.0.bias" in error.value.given
    save_file({**live.state_dict(), "fc.weight": torch.zeros(3, 3)}, tmp_path / "odd.safetensors")
    with pytest.raises(ModelError, match="does not fit the model"):
        cs.train(live, data=data, weights=tmp_path / "odd.safetensors", out=tmp_path / "runs")
    with pytest.raises(UnknownNameError):
        cs.train(live, data=data, init="zero", out=tmp_path / "runs")
    with pytest.raises(UnknownNameError):
        cs.train(live, data=data, scale="half", out=tmp_path / "runs")
    with pytest.raises(FieldError):
        cs.train(live, data=data, scale=(0.5, 0), out=tmp_path / "runs")
    with pytest.raises(ModelError, match="no weights"):
        cs.evaluate(TEXT, data=data)
    with pytest.raises(FieldError, match="needs data"):
        cs.evaluate(live)
    live.get_parameter("fc.bias").data[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        cs.train(live, data=data, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_random_weights_get_a_head_for_other_classes_too(tmp_path: Path, source: Run) -> None:
    random, count = np.random.default_rng(0), len(source.dataset.classes) + 2
    labels = np.array([f"class {at % count}" for at in range(4 * count)])
    sets = [(random.integers(0, 256, (4 * count, *source.dataset.shape)).astype(np.uint8), labels) for _ in range(2)]
    notes: list[str] = []
    more = {"epochs": 1, "batch": 8, "out": tmp_path, "note": notes.append}
    made = cs.train(source, data=tuple(sets), init="random", **more)  # type: ignore[arg-type]
    assert made.net.output == (count,)
    assert any("is replaced by one with" in one for one in notes)
    assert not any("training starts from the weights" in one for one in notes)


def test_random_weights_are_those_of_the_text(tmp_path: Path, source: Run, data: str) -> None:
    mine = cs.train(source, data=data, init="random", epochs=1, batch=20, out=tmp_path / "a")
    text = cs.train(TEXT, data=data, epochs=1, batch=20, out=tmp_path / "b")
    assert runs.digests(mine.path)[MODEL] == runs.digests(text.path)[MODEL]
    assert not (mine.path / INITIAL).exists()


def test_a_scale_is_kept_and_repeated(tmp_path: Path, data: str) -> None:
    begun = cs.train(TEXT, data=data, scale="unit", epochs=1, batch=20, out=tmp_path / "a")
    loaded = cs.load_run(begun.path)
    assert (loaded.dataset.mean, loaded.dataset.std) == (0, 1)
    assert cs.repeat(begun.path, out=tmp_path / "b").result.sha256 == begun.result.sha256


def test_the_command_line_takes_the_same(
    tmp_path: Path, source: Run, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx = tmp_path / "net.onnx"
    onnx.write_bytes(bytes(cs.write(source.net, to="onnx", tensors=training.tensors_of(source))))  # type: ignore[arg-type]
    line = ["train", str(onnx), "--data", data, "--freeze", "conv1", "--lr-head", "0.01", "-o", str(tmp_path / "runs")]
    assert run([*line, "--epochs", "1", "--quiet", "--no-report"]) == 0
    assert "training starts from the weights of" in capsys.readouterr().err
    assert run([*line, "--dry-run", "--json"]) == 0
    assert "frozen: conv1.Conv1" in json.loads(capsys.readouterr().out)["notes"]
    assert run(["train", str(onnx), "--data", data, "--freeze", "conv9"]) == 2
    assert "no layer with weights" in capsys.readouterr().err
    assert run(["eval", str(onnx), "--data", data, "--json"]) == 0
    assert abs(json.loads(capsys.readouterr().out)["loss"] - source.result.loss) < 1e-4
