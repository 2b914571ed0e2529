"""Devices: what they are called, and that nothing is left on the host, on a stand-in for an accelerator."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.backends import device as devices
from convscope.backends.device import CPU, Accelerator, find
from convscope.backends.torch import TorchNet, weights_out
from convscope.cli import run as command
from convscope.data import DATASETS, Split, load
from convscope.errors import FieldError, UnknownNameError
from convscope.lens.subject import subject
from convscope.threads import COUNTS
from convscope.training.augment import Augment
from convscope.training.batches import Batches
from convscope.training.loop import Trainer
from convscope.training.paired import compare_runs
from convscope.training.recipe import Recipe
from convscope.training.recipe import find as recipe_of
from convscope.training.run import Run
from pretended import Far, Pretended, Pretending

if TYPE_CHECKING:
    from convscope.training.plan import Plan

MNIST = DATASETS["mnist"]
NET = "input 28x28x1, conv 4 5x5 s2 nobias bn relu, maxpool 2, conv 8 3x3 nobias bn relu, gap, linear 10"
ALL = Recipe(
    name="all", net=NET, data="mnist", epochs=1, batch=32, learning_rate=0.01, shift=1, rotate=5.0, bend=0.5, erase=4,
    flip=True, average=0.2, muon_rate=0.02, precision="float32",
)  # fmt: skip


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pretended]:
    """A machine whose accelerator is the stand-in."""
    made = Pretended()
    monkeypatch.setitem(devices.KINDS, "pretended", lambda _: made)
    monkeypatch.setattr(devices, "counts", lambda: {"pretended": 2, "cpu": 1})
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # refuses what stands in for a tensor
    with Pretending():  # type: ignore[no-untyped-call]
        yield made


def some(count: int = 96) -> Split:
    test = load(MNIST, "test")
    return Split(test.images[:count], test.labels[:count])


def trained(device: object, recipe: Recipe = ALL) -> tuple[Trainer, dict[str, torch.Tensor]]:
    torch.manual_seed(3)
    trainer = Trainer(TorchNet(cs.read(NET), logits=True), some(), MNIST, recipe, seed=0, device=device)  # type: ignore[arg-type]
    trainer.run(lambda _: None, lambda: None)
    return trainer, weights_out(trainer.model)


def test_the_default_of_a_machine_without_an_accelerator_is_its_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "counts", lambda: {"cpu": 1})
    assert find() is find(None) is find("cpu") is find(torch.device("cpu")) is CPU


def test_devices_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "counts", lambda: {"cuda": 2, "cpu": 1})
    assert find() == find("cuda") == Accelerator("cuda", 0)
    assert find("cuda:1") == find(torch.device("cuda:1")) == Accelerator("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "3")  # the fourth process of torchrun on this machine: two on each device
    assert (find("cuda").name, find("cuda:0").name, find("cpu").name) == ("cuda:1", "cuda:0", "cpu")
    monkeypatch.setattr(devices, "counts", lambda: {"npu": 1, "cpu": 1})  # what torch may add
    assert find().name == find("npu").name == "npu:0"


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("cud", UnknownNameError, "cuda"),
        ("", UnknownNameError, "auto"),
        ("CUDA", UnknownNameError, "cuda"),
        ("cuda:", UnknownNameError, "cuda"),
        ("cuda:-1", UnknownNameError, "cuda"),
        ("mps", FieldError, "cuda:0 to cuda:1, cpu"),
        ("cuda:2", FieldError, "this machine has no device cuda:2"),
        ("cpu:0", FieldError, "this machine has no device cpu:0"),
    ],
)
def test_other_names_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Exception], words: str) -> None:
    monkeypatch.setattr(devices, "counts", lambda: {"cuda": 2, "cpu": 1})
    with pytest.raises(kind, match=words):
        find(name)


def test_the_stand_in_finds_what_was_left_on_the_host(device: Pretended) -> None:
    there, here = device.put(torch.ones(2)), torch.ones(2)
    with pytest.raises(RuntimeError, match="same device"):
        there + here
    for read in (there.numpy, there.tolist):
        with pytest.raises(RuntimeError, match="not supported"):
            read()
    assert torch.equal((there + device.put(here)).cpu(), torch.full((2,), 2.0))


def test_training_on_a_device_takes_the_same_steps(device: Pretended) -> None:
    _, here = trained(CPU)
    trainer, there = trained(device)
    assert isinstance(next(trainer.model.parameters()).data, Far)
    assert not any(isinstance(one, Far) for one in there.values())
    for name, value in here.items():  # no fused optimizer there: the last digits differ
        assert torch.allclose(value, there[name], atol=2e-5), name
    assert not device.counted["autocast"]


def test_the_loss_is_read_seldom(device: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    monkeypatch.setattr(Trainer, "_read", _noting(reads, Trainer._read))
    trainer, _ = trained(device, ALL.changed(batch=8))  # 12 steps
    assert (reads, trainer.watch.done) == ([10, 2], 12)
    assert trainer.watch.progress().loss > 0.5


def _noting(reads: list[int], read: object) -> object:
    def noted(self: Trainer) -> None:
        reads.extend([len(self.unread)] if self.unread else [])
        read(self)  # type: ignore[operator]

    return noted


def test_a_loss_that_is_not_finite_names_its_step(device: Pretended) -> None:
    model = TorchNet(cs.read(NET), logits=True)
    trainer = Trainer(model, some(), MNIST, ALL.changed(batch=8, muon_rate=0.0), seed=0, device=device)
    for _ in range(3):
        trainer._step()
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(cs.ConvscopeError, match="the loss is nan at step 4 of 12"):
        trainer.run(lambda _: None, lambda: None)


def test_low_precision_is_that_of_the_device(device: Pretended) -> None:
    trained(device, ALL.changed(precision="auto", batch=32))
    assert device.counted["autocast"] == 3


def test_images_that_do_not_fit_are_copied_batch_by_batch(device: Pretended) -> None:
    augment = Augment(shift=1)
    small = replace(device, room=100)
    here, there, tight = (
        Batches(some(), MNIST, batch=32, augment=augment, seed=0, device=one) for one in (CPU, device, small)
    )
    assert (here.resident, there.resident, tight.resident) == (True, True, False)
    for _ in range(4):
        (images, labels), *others = next(here), next(there), next(tight)
        for other in others:
            assert all(isinstance(one, Far) for one in other)
            assert torch.equal(images, other[0].cpu())
            assert torch.equal(labels, other[1].cpu())


@pytest.mark.filterwarnings("ignore:for .* meta parameter")  # torch does not know that these have values
def test_a_checkpoint_holds_the_random_state_of_the_device(device: Pretended) -> None:
    trainer, _ = trained(device)
    state = trainer.state()
    assert not any(isinstance(one, Far) for one in state.tensors.values())
    assert state.tensors["random-meta.0"].tolist() == [7, 9]
    again = Trainer(TorchNet(cs.read(NET), logits=True), some(), MNIST, ALL, seed=0, device=device)
    again.restore(state)
    assert device.counted["set_random"] == 1
    host = Trainer(TorchNet(cs.read(NET), logits=True), some(), MNIST, ALL, seed=0)
    host.restore(state)  # on another kind of device there is nothing to set
    for name, value in weights_out(again.model).items():
        assert torch.equal(value, weights_out(host.model)[name]), name
    assert not any(name.startswith("random-") for name in host.state().tensors)


def test_a_run_on_a_device(device: Pretended, tmp_path: Path, short_run: Run) -> None:
    recipe = recipe_of("fast").changed(epochs=0.05)
    run = cs.train(recipe=recipe, out=tmp_path, device="pretended")
    assert abs(run.result.loss - short_run.result.loss) < 0.1
    assert '"device": "pretended:0, a stand-in"' in (run.path / "env.json").read_text(encoding="utf-8")
    assert "on pretended:0, a stand-in" in (run.path / "README.md").read_text(encoding="utf-8")
    assert device.counted["exact"] == device.counted["kept_random"] == 1
    found, there = (cs.evaluate(run, device=name) for name in ("cpu", "auto"))
    assert abs(found.loss - there.loss) < 1e-5
    assert device.counted["exact"] == 2
    assert cs.export(run, to="safetensors", device="pretended").passed
    image = load(MNIST, "test").images[0]
    for what in ("kernels", "features", "field", "saliency", "mistakes"):
        host, far = (
            cs.look(run, what, device=name, **({"image": image} if what == "saliency" else {}))
            for name in ("cpu", "pretended")
        )
        assert host.to_json().keys() == far.to_json().keys()
    assert isinstance(subject(run, device=device).copy().parts[0].weight.data, Far)


def test_predictions_of_a_device(device: Pretended, short_run: Run, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.asarray(load(MNIST, "test").images[0, 0])).save(tmp_path / "seven.png")
    here, there = (cs.predict(short_run, tmp_path, device=name)[0] for name in ("cpu", "pretended"))
    assert here.label == there.label == "7"
    assert device.counted["module"] == 1


def test_reports_comparisons_and_activations_of_a_device(device: Pretended, short_run: Run) -> None:
    here, there = (cs.report(short_run, device=name) for name in ("cpu", "pretended"))
    assert device.counted["module"] >= 2  # for the figures and for the evaluation
    assert [part.title for part in here.sections] == [part.title for part in there.sections]
    assert dict(here.facts)["test accuracy"] == dict(there.facts)["test accuracy"]
    before = device.counted["module"]
    assert compare_runs(short_run, short_run, device="auto").only == (0, 0)
    assert device.counted["module"] == before + 2
    host, far = (cs.activations(run=short_run, device=name) for name in ("cpu", "pretended"))
    assert device.counted["module"] == before + 3
    pairs = zip(host.functions, far.functions, strict=True)
    assert all(a.seen[0].dead == pytest.approx(b.seen[0].dead, abs=1e-4) for a, b in pairs)


@pytest.mark.usefixtures("device")
def test_the_plan_states_device_and_threads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in COUNTS:
        monkeypatch.delenv(name, raising=False)
    assert command(["train", "--dry-run"]) == 0
    assert "device     auto, the accelerator" in (told := capsys.readouterr().out)
    assert "threads    one for each core" in told
    assert command(["train", "--dry-run", "--device", "pretended", "--threads", "auto", "--json"]) == 0
    assert (plan := json.loads(capsys.readouterr().out))["device"] == "pretended:0, a stand-in"
    assert plan["threads"] == "auto"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert command(["train", "--dry-run", "--device", "cpu"]) == 0
    assert "device     cpu\nthreads    3\n" in capsys.readouterr().out
    planned: list[Plan] = []
    images = (np.tile(np.arange(4, dtype=np.uint8)[:, None, None], (1, 8, 8)).repeat(4, 0), np.arange(16) // 8)
    cs.train(data=images, epochs=1, batch=8, out=tmp_path, device="pretended", planned=planned.append, threads=1)
    assert (planned[0].device, planned[0].threads) == ("pretended:0, a stand-in", 1)


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_device_that_is_not_there_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    monkeypatch.setattr(devices, "counts", lambda: {"cpu": 1})
    assert command(["train", "-o", str(tmp_path / "runs"), "--device", "cuda", *more]) == 2
    told = capsys.readouterr()
    assert "this machine has no device cuda" in told.err
    assert not told.out
    assert not (tmp_path / "runs").exists()
