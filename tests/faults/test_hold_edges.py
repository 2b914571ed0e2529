"""Edges of training: what cannot be trained is said before any work; what the machine lacks is not taken for damage."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import run as command
from convscope.data import registry
from convscope.errors import ConvscopeError, DataError, FieldError, MachineError, RunError
from convscope.files import Folder
from convscope.training import checkpoint, session
from convscope.training.recipe import find

pytestmark = pytest.mark.faults

NET = "input 8x8x1, conv 2 3x3, gap, linear 2"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def photos(place: Path, images: dict[str, list[int]]) -> Path:
    """A folder of images of one colour each."""
    for name, colours in images.items():
        (place / name).mkdir(parents=True)
        for at, colour in enumerate(colours):
            Image.fromarray(np.full((8, 8), colour, np.uint8)).save(place / name / f"{at}.png")
    return place


def arrays(path: Path, count: int, test: int, **more: Any) -> str:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (count + test, 8, 8), dtype=np.uint8)
    labels = np.arange(count + test) % 2
    known: dict[str, Any] = {
        "x_train": images[:count],
        "y_train": labels[:count],
        "x_test": images[count:],
        "y_test": labels[count:],
    }
    np.savez(path, **(known | more))
    return f"npz:{path}"


UNFIT: dict[str, tuple[Callable[[Path], str], str]] = {
    "one image in each class": (lambda p: f"folder:{photos(p / 'f', {'a': [10], 'b': [200]})}", "has 0 test images"),
    "one class": (lambda p: f"folder:{photos(p / 'f', {'a': [10, 20, 30]})}", "has one class"),
    "one image to learn from": (
        lambda p: arrays(p / "a.npz", 1, 4, y_test=np.zeros(4, int), classes=np.array(["x", "y"])),
        "has 1 train image",
    ),
    "a class for testing only": (lambda p: arrays(p / "a.npz", 1, 4), 'images of the class "1", and none for training'),
    "two classes of one name": (
        lambda p: arrays(p / "a.npz", 8, 4, classes=np.array(["x", "x"])),
        'has two classes called "x"',
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_trained_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made, words = UNFIT[name]
    monkeypatch.setattr(session.Session, "run", lambda *_: pytest.fail("work was done"))
    with pytest.raises(DataError, match=words) as found:
        cs.train(NET, data=made(tmp_path), epochs=1, out=tmp_path / "runs")
    assert found.value.expected
    assert not (tmp_path / "runs").exists()


def test_a_seed_that_cannot_be_is_said_before_any_work(tmp_path: Path) -> None:
    for seed in (-1, 10**26):
        with pytest.raises(FieldError, match="seed"):
            cs.train("input 28x28x1, gap, linear 10", data="mnist", seed=seed, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def trained(tmp_path: Path) -> cs.Run:
    data = arrays(tmp_path / "own.npz", 40, 10)
    return cs.train(NET, data=data, recipe=find("fast").changed(batch=8), epochs=1, out=tmp_path, name="run")


SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number), "a file")

    return fail


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EIO])
def test_what_the_machine_lacks_is_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    run = trained(tmp_path)
    data = run.dataset.name
    places: tuple[tuple[object, str, Callable[[], object]], ...] = (
        (Folder, "opened", lambda: cs.load_run(run.path)),
        (Folder, "opened", lambda: checkpoint.read(run.path, 1)),
        (np, "load", lambda: registry.load(registry.find(data), "test")),
        (Path, "read_bytes", lambda: registry.find(data)),
    )
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    for owner, name, ask in places:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing(number))
            with pytest.raises(ConvscopeError) as found:
                ask()
        said = str(found.value)
        assert "damaged" not in said
        assert "remove" not in said
        assert isinstance(found.value, MachineError if number in SCARCE else RunError | DataError)
        assert {errno.EMFILE: "ulimit -n", errno.ENOMEM: "too little memory"}.get(number, "") in said
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_an_image_is_not_left_out_because_the_machine_lacks_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = photos(tmp_path / "f", {"a": list(range(0, 90, 10)), "b": list(range(100, 190, 10))})
    for failure in (failing(errno.EMFILE), failing(errno.ENOMEM)):
        with monkeypatch.context() as patch:
            patch.setattr("convscope.data.taken.read", failure)
            with pytest.raises(MachineError):
                registry.find(f"folder,8x8x1,skip_bad:{place}")


def test_too_few_threads_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert command(["predict", str(run.path), str(tmp_path / "a.png")]) == 2
    assert "MachineError: the system cannot start more processes or threads" in capfd.readouterr().err
