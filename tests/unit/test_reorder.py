"""Flips, lists of indices, running sums, and constants beside maps: read as they are, and written back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.errors import FieldError
from convscope.frontends.torch import read_module
from convscope.ops.pick import Pick
from functional import Functional
from imported import in_order, loaded

SIZE = (4, 6, 8)
ROWS = torch.linspace(-1, 1, 6)[:, None].expand(6, 8)
COLUMNS = torch.linspace(-1, 1, 8)[None].expand(6, 8)


def shifted(x: Tensor) -> Tensor:
    """Temporal shift: a part of the channels moves on, a part back, written into zeros."""
    out = torch.zeros_like(x)
    out[:, :2, :-1] = x[:, :2, 1:]
    out[:, 2:3, 1:] = x[:, 2:3, :-1]
    out[:, 3:] = x[:, 3:]
    return out


def framed(x: Tensor) -> Tensor:
    """Written into the middle of ones."""
    out = torch.ones(1, 4, 8, 11)
    out[:, :, 1:-1, 1:-2] = x
    return out


Case = tuple[Callable[[Tensor], Tensor], str]

CASES: dict[str, Case] = {
    "flip": (lambda x: x.flip(-1), "pick 7-0 along2"),
    "flips": (lambda x: x.flip(1, 2), "pick 3-0, pick 5-0 along1"),
    "upside down": (lambda x: torch.flipud(x[0])[None], "pick 3-0"),
    "a quarter turn": (lambda x: x.rot90(1, (2, 3)), "pick 7-0 along2"),
    "half a turn": (lambda x: x.rot90(2, (2, 3)), "pick 5-0 along1, pick 7-0 along2"),
    "groups turned": (lambda x: x.reshape(1, 2, 2, 6, 8).flip(1).flatten(1, 2), "pick 2-3.0-1"),
    "places turned": (lambda x: x.flatten(2).flip(2), "rearrange a4xb6xc8:axbc, pick 47-0 along1"),
    "index_select": (lambda x: x.index_select(1, torch.tensor([3, 0])), "pick 3.0"),
    "a list of numbers": (lambda x: x[:, :, [2, 1, -1]], "pick 2-1.5 along1"),
    "a tensor of numbers": (lambda x: x[..., torch.tensor([[0, 7], [1, 1]])].flatten(3), "pick 0.7.1.1 along2"),
    "truths": (lambda x: x[:, torch.tensor([True, False, True, True])], "pick 0.2-3"),
    "running sum": (lambda x: x.cumsum(2), "cumsum along1"),
    "running sum of channels": (lambda x: x.cumsum(1), "cumsum"),
    "causal": (lambda x: torch.cat([torch.zeros_like(x[:, :, :2]), x], 2), "pad 2:0x0"),
    "a border of ones": (lambda x: torch.cat([x, torch.ones(1, 4, 6, 1)], 3), "pad 0x0:1 v1.0"),
    "coordinates": (lambda x: torch.cat([x, torch.stack([ROWS, COLUMNS])[None]], 1), "cat( id | const 6x8x2 fixed )"),
    "a border of numbers": (lambda x: torch.cat([ROWS[None, None, :, :1].expand(1, 4, 6, 1), x], 3), ""),
    "shifted": (shifted, "crop 1:0x0, take 2:3"),
    "framed": (framed, ""),
    "channels last": (lambda x: torch.cat([x.permute(0, 2, 3, 1), ROWS[None, :, :, None]], 3).permute(0, 3, 1, 2), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_module_is_read_and_written(name: str) -> None:
    function, words = CASES[name]
    module = Functional(lambda _, x: function(x))
    imported = read_module(module, SIZE)
    assert not imported.unread
    text = str(imported.net)
    for word in words.replace("cat( id | ", "").replace(" )", "").split(", "):
        assert word in text, text
    x = torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(in_order(imported, loaded(imported.net)(x)).flatten(), function(x).flatten(), atol=1e-6)
    space: dict[str, Any] = {}
    exec(str(cs.write(imported.net, to="torch")), space)  # noqa: S102 -- our own code
    found = cs.verify(module, input="6x8x4", units=3)
    assert found.passed, found


def test_fields_of_what_is_turned() -> None:
    (rows, columns) = cs.read("input 8x9x1, conv 1 3x3 p1, pick 8-0 along2, conv 1 3x3").table().rows[-1].field
    assert (rows.size, rows.stride, rows.start, rows.exact) == (5, 1, -1, True)
    assert (columns.size, columns.stride, columns.start, columns.exact) == (5, -1, 5, True)
    picked = cs.read("input 9x1, pick 8.0.4 along1, conv 1 2").table().rows[-1].field[0]
    assert (picked.size, picked.stride, picked.exact) == (9, None, True)
    (summed,) = cs.read("input 9x1, cumsum along1").table().rows[-1].field
    assert (summed.size, summed.stride, summed.exact) == (9, None, True)


def test_a_layer_that_is_turned_twice_is_no_shift() -> None:
    net = cs.read("input 8x9x1, add( id | pick 8-0 along2, conv 1 3x3 p1, pick 8-0 along2 )")
    assert "CS010" not in {finding.code for finding in cs.check(net).findings}
    assert [axis.size for axis in net.table().rows[-1].field] == [3, 3]


def test_lists_that_are_too_long_for_a_word_are_refused_with_a_hint() -> None:
    with pytest.raises(FieldError, match="shorter, or more regular"):
        Pick(tuple(range(0, 800, 3)))
    with pytest.raises(FieldError, match="at most"):
        cs.read("input 9x1, pick 0-99999999 along1")


def test_lists_in_no_order_are_cut_into_several_layers() -> None:
    random = np.random.default_rng(0).permutation(200).tolist()
    module = nn.Sequential(Functional(lambda _, x: x[:, :, random]))
    net = cs.read(module, input="200x2x1")
    assert [(axis.size, axis.exact) for axis in net.table().rows[-1].field] == [(1, True), (1, True)]
    x = torch.rand(1, 1, 200, 2)
    assert torch.equal(loaded(net)(x), x[:, :, random])
    assert cs.verify(module, input="200x2x1", units=4).passed


def test_keras_functions() -> None:
    keras = pytest.importorskip("keras")
    given = keras.Input((6, 8, 3))
    x = keras.ops.cumsum(keras.ops.take(keras.ops.flip(given, axis=1), [0, 2, 1], axis=2), axis=1)
    model = keras.Model(given, keras.ops.flip(x, axis=(1, 3)))
    net = cs.read(model)
    assert [row.op for row in net.table().rows] == [
        "pick 5-0 along1", "pick 0.2-1 along2", "cumsum along1", "pick 5-0 along1", "pick 2-0",
    ]  # fmt: skip
    image = np.random.default_rng(0).random((1, 6, 8, 3), dtype=np.float32)
    mine = loaded(net)(torch.tensor(image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert np.allclose(mine.detach().numpy(), model(image).detach().numpy(), atol=1e-6)
