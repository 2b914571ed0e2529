"""Every public function of Python with wrong types: one error of our own, before any work, never one of Python's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convscope as cs
from convscope.border import KINDS, checked
from convscope.errors import FieldError

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.training.run import Run

NET = "input 28x28x1, maxpool 4, linear 10"
X, Y = np.zeros((20, 8, 8), dtype=np.uint8), np.arange(20) % 2


class Odd:
    """An object that is nothing of ours."""


ODD: Any = Odd()
ZERO: Any = np.array("x")  # an array without axes, which cannot be iterated over
OWN: dict[str, Any] = {
    "net": "input 8x8x1, conv 4 3x3 relu, gap, linear 2",
    "data": (np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8), np.arange(40) % 2),
    "recipe": "fast",
    "epochs": 1,
}
"""A training that would do well, but for the argument in question."""

LR = {name: value for name, value in OWN.items() if name != "epochs"}
KNOWN = {"cs": cs, "NET": NET, "X": X, "Y": Y, "ODD": ODD, "ZERO": ZERO, "OWN": OWN, "LR": LR}
CALLS = r"""
cs.read(None)
cs.read(5)
cs.read(b"x")
cs.read([1])
cs.read(NET, input=ODD)
cs.read(NET, input=["a"])
cs.read(NET, inputs="8x8x1")
cs.read()
cs.read(NET).table(of=5)
cs.read(NET).field(5)
cs.read(NET).field("conv1", at="x")
cs.read(NET).field("conv1", at=ODD)
cs.read(NET).field("conv1", at=(1.5, 2))
cs.check(ODD)
cs.check(NET, min_rf="x")
cs.check(NET, object_size="big")
cs.check(NET, max_macs=ODD)
cs.check(NET, ignore=5)
cs.compare(NET, ODD)
cs.compare(NET, net, by=5)
cs.depth("x")
cs.depth(28, kernel="3")
cs.memory(NET, batch="x")
cs.memory(5)
cs.effective(NET, 5)
cs.support(NET, "conv1", at="q")
cs.support(None)
cs.verify(NET, units="x")
cs.verify(ODD)
cs.write(NET, to=5)
cs.write(NET, to="onnx", tensors=5)
cs.write(NET, to="onnx", tensors={"a":1})
cs.write(NET, to="onnx", seed="x")
cs.train(ODD, data=(X, Y))
cs.train(NET, data=5)
cs.train(NET, data=X)
cs.train(NET, recipe=5)
cs.train(NET, seed="x")
cs.train(NET, epochs="x")
cs.train(NET, epochs=[1])
cs.train(NET, batch=1.5)
cs.train(NET, lr="0.1")
cs.train(NET, freeze=5)
cs.train(NET, weights=5)
cs.train(NET, data=(X, Y), scale=ODD)
cs.train(NET, data=(X, Y), input=ODD)
cs.train(NET, out=5)
cs.train(NET, name=5)
cs.train(NET, logs=5, data=(X, Y))
cs.train(NET, logs=["x"], data=(X, Y))
cs.train(NET, device=5)
cs.train(NET, save_every="x")
cs.train(NET, progress=5, data=(X, Y))
cs.train(NET, warn=5, data=(X, Y))
cs.train(NET, epoch=5)
cs.train(NET, threads=1.5)
cs.train(NET, patience="x", data=(X, Y))
cs.train(NET, balance="no", data=(X, Y))
cs.train(NET, doubt=5, data=(X, Y))
cs.predict(run, X[:4], top="3")
cs.predict(run, X[:4], at_least="x")
cs.predict(run, X[:4], unlike="no")
cs.resume(5)
cs.resume(run)
cs.repeat(None)
cs.repeat(run)
cs.load_run(5)
cs.load_run(run.path, data=5)
cs.load_run(run)
cs.evaluate(5)
cs.evaluate(run, data=5)
cs.evaluate(run, split=5)
cs.evaluate(run, tta="x")
cs.evaluate(ODD, data=(X, Y))
cs.predict(run, None)
cs.predict(run, [])
cs.predict(run, 5)
cs.predict(ODD, "x.png")
cs.look(ODD)
cs.look(run, 5)
cs.look(run, image=5)
cs.look(run, image=ODD)
cs.look(run, layer=5)
cs.look(run, "field", at=ODD, layer="conv1")
cs.look(run, data=5)
cs.look(run, "mistakes", classes=5)
cs.export(run, to=5)
cs.export(ODD, to="onnx")
cs.report(5)
cs.report(ODD)
cs.report(NET).save(5)
cs.activations(5)
cs.activations([1])
cs.activations(run=5)
cs.filter(5, "blur")
cs.filter(X[0], 5)
cs.filter(X[0], "sobel", border=5)
cs.raise_limits("x").__enter__()
cs.find_lr(ODD, data=(X, Y))
cs.find_lr(NET, data=5)
cs.find_lr(**LR, steps="x")
cs.find_lr(**LR, steps=1)
cs.find_lr(**LR, limits=5)
cs.find_lr(**LR, limits=(1, "x"))
cs.find_lr(**LR, balance="x")
cs.find_lr(**LR, step=20)
cs.push(5, "hf:me/x")
cs.push(run, 5)
cs.push(run, "hf:me/x", private="x")
cs.push(run, "hf:me/x", dry_run=5)
cs.push(run, "x")
cs.train(NET, data=(X, Y - 1))
cs.train(NET, data=((X, Y), (X, Y.astype(str))))
cs.train(NET, data={"train": (X, Y), "classes": 5})
cs.train(NET, data={"data": X, "target": None})
cs.train(NET, data={})
cs.train(**OWN, callbacks=5)
cs.train(**OWN, callbacks=["x"])
cs.train(**OWN, patience="x")
cs.train(**OWN, keep=5)
cs.train(**OWN, keep="x")
cs.train(**OWN, balance="x")
cs.train(**OWN, lr_head="x")
cs.train(**OWN, init=5)
cs.train(**OWN, threads=1.5)
cs.train(**OWN, threads="x")
cs.train(**OWN, planned=5)
cs.train(**OWN, doubt=5)
cs.train(**OWN, out="\0")
cs.train(**OWN, freeze=ZERO)
cs.train(**OWN, logs=ZERO)
cs.predict(run, X[0], top="x")
cs.predict(run, X[0], at_least="x")
cs.predict(run, X[0], unlike=5)
cs.look(run, "worst", top="x")
cs.look(run, "worst", top=0)
cs.look(run, "labels", folds="x")
cs.look(run, "labels", folds=1)
cs.look(run, "labels", folds=3, progress=5)
cs.look(run, "kernels", folds=3)
cs.check(NET, object_size=1.5)
cs.check(NET, object=ODD)
cs.check(NET, object_size=["x"])
cs.check(NET, min_rf=[1])
cs.memory(NET, in_place="x")
cs.activations(ZERO)
cs.look(run, "saliency", at=5)
cs.look(run, "saliency", at=ODD)
cs.look(NET, "kernels", seed=-1)
cs.write(NET, to="onnx", seed=-1)
cs.draw(ODD)
cs.draw(NET, fold="x")
cs.draw(NET, title=5)
cs.explore(ODD)
cs.explore(NET, images=5)
cs.explore(NET, images=[5])
cs.explore(NET, large="x")
run.history["x"]
cs.read(NET)[5]
cs.predict(5, "x.png")
cs.evaluate(None)
""".strip().splitlines()


@pytest.mark.parametrize("call", CALLS)
def test_wrong_types_are_our_error(call: str, short_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(cs.ConvscopeError):
        eval(call, KNOWN | {"run": short_run, "net": cs.read(NET)})  # noqa: S307
    assert not (tmp_path / "runs").exists()


def test_there_are_sixty_and_a_raw_error_would_be_found() -> None:
    assert len(CALLS) >= 60
    with pytest.raises(TypeError):
        eval("len(5)")  # noqa: S307


def test_an_argument_is_named_and_the_nearest_one_offered() -> None:
    with pytest.raises(cs.ConvscopeError, match='no argument "epoch"') as error:
        cs.train(NET, epoch=1)  # type: ignore[call-arg]
    assert error.value.attempt == "epochs"
    with pytest.raises(FieldError, match="missing a required argument"):
        cs.read()  # type: ignore[call-arg]
    assert checked(len)([1]) == 1


def test_the_word_auto_is_a_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path))
    assert cs.train(**OWN, threads="auto", out=tmp_path).result.params


def test_every_public_function_has_a_call_in_the_table() -> None:
    called = {name for name in cs.__all__ if any(f"cs.{name}(" in call for call in CALLS)}
    functions = {name for name in cs.__all__ if callable(getattr(cs, name)) and not isinstance(getattr(cs, name), type)}
    assert functions - called == set()


def test_every_kind_of_argument_is_one_of_a_public_function() -> None:
    public = [getattr(cs, name) for name in dir(cs)]
    names = {name for one in public if inspect.isfunction(one) for name in inspect.signature(one).parameters}
    assert [name for name in KINDS if name not in names] == []


def test_threads_may_be_chosen_by_a_measurement() -> None:
    with pytest.raises(FieldError, match="the recipe cannot use epochs"):  # the next thing that is wrong
        cs.train(NET, threads="auto", epochs=-1)
