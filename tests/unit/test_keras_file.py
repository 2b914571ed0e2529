"""A net written as a ``.keras`` file is the same net when it is read again, and Keras computes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.cli import run
from convscope.errors import MissingExtraError, WriteError
from convscope.training.train import tensors_of
from convscope.writers import keras_file, write
from convscope.writers.weights import initial
from unit.test_writers import far
from written import NETS, filled, sample

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.training.run import Run

os.environ.setdefault("KERAS_BACKEND", "torch")


def facts(net: Net) -> list[tuple[Any, ...]]:
    """The rows of the table, without names and order: Keras pads in a layer of its own, and sorts paths otherwise."""
    rows = [row for row in net.table().rows if row.op.split()[0] not in {"pad", "id"}]
    fields = [tuple((axis.size, axis.stride, axis.start) for axis in row.field) for row in rows]
    return sorted(
        (row.op.split()[0], row.out, row.params, row.macs, field) for row, field in zip(rows, fields, strict=True)
    )


def values(tensors: Any) -> list[np.ndarray[Any, Any]]:
    """Tensors in an order of their own: by their shape, then by their values."""
    arrays = [one for one in tensors.values() if one.ndim]
    return sorted(arrays, key=lambda one: (one.shape, *one.ravel()[:4].round(4).tolist()))


def again(net: Net, path: Path, tensors: dict[str, np.ndarray[Any, Any]]) -> Net:
    content = write(net, to="keras_model", tensors=tensors)
    assert isinstance(content, bytes)
    path.write_bytes(content)
    return cs.read(path)


@pytest.mark.parametrize("name", [name for name in NETS if name != "unread"])
def test_round_trip(name: str, tmp_path: Path) -> None:
    import keras

    net = cs.read(NETS[name])
    reference, tensors = filled(net, seed=4)
    found = again(net, tmp_path / "net.keras", tensors)
    assert facts(found) == facts(net)
    assert found.tensors is not None
    for a, b in zip(values(tensors), values(found.tensors()), strict=True):
        assert np.allclose(a, b, atol=1e-6)
    model = keras.models.load_model(tmp_path / "net.keras")
    x = sample(net)
    with torch.no_grad():
        true = reference(torch.from_numpy(x)).numpy()
        made = model(torch.from_numpy(np.moveaxis(x, 1, -1).astype("float32"))).detach().numpy()
    assert far(true, np.moveaxis(made, -1, 1).reshape(true.shape)) <= 1e-4


def test_the_command_keeps_the_weights_of_a_run(short_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "digits.keras"
    assert run(["write", str(short_run.path), "-o", str(path)]) == 0
    assert facts(cs.read(path)) == facts(cs.read(short_run.path))
    kept = cs.read(path).tensors
    assert kept is not None
    for a, b in zip(values(tensors_of(short_run)), values(kept()), strict=True):
        assert np.allclose(a, b, atol=1e-6)


def test_the_command_says_that_weights_are_random(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.keras"
    for words in ([], ["--to", "keras"]):
        assert run(["write", NETS["lenet"], "-o", str(path), "--seed", "3", *words]) == 0
        assert "they are random, with seed 3" in capsys.readouterr().err
    kept = cs.read(path).tensors
    assert kept is not None
    assert np.array_equal(kept()["conv1.weight"], initial(cs.read(NETS["lenet"]), 3)["conv1.weight"])
    assert run(["write", NETS["lenet"], "-o", str(path), "--to", "torch"]) == 2
    assert "expected a name that ends in .py" in capsys.readouterr().err


def test_settings_of_the_user_are_left_as_they_are() -> None:
    import keras

    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    try:
        assert write(NETS["lenet"], to="keras_model")
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.floatx() == "float64"
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")


def test_code_is_not_held_by_a_file() -> None:
    with pytest.raises(WriteError, match=r"scale1 needs a layer that Keras does not have, Scale, and"):
        write("input 8x8x2, conv 2 3x3, scale 2x1x1", to="keras_model")


def test_without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Any:
        raise MissingExtraError("keras is not installed")

    monkeypatch.setattr(keras_file, "installed", absent)
    with pytest.raises(MissingExtraError, match="keras is not installed"):
        write("input 8x8x2, conv 2 3x3", to="keras_model")
