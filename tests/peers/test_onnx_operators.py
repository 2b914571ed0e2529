"""Operators as the onnx package tests them: what is read and written back gives the numbers of the test.

Every difference is in ``onnx_operators.toml`` with its reason; a new one fails, and so does one that is gone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from peers import onnx_operators

if TYPE_CHECKING:
    from peers.onnx_operators import Result

pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]

LIST = tomllib.loads(Path(__file__).with_name("onnx_operators.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["batch", "whole"])
def mode(request: pytest.FixtureRequest) -> str:
    """The first axis is the batch, or the tensors have none."""
    return str(request.param)


@pytest.fixture(scope="module")
def results(mode: str, tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("operators")
    return [onnx_operators.tried(name, folder, batch=mode == "batch") for name in onnx_operators.cases()]


def test_what_is_read_and_written_back_is_equal(mode: str, results: list[Result]) -> None:
    listed = {name for entry in LIST["differs"] for name in entry.get(mode, [])}
    listed &= {name.removeprefix("test_") for name in onnx_operators.cases()}  # of the version that is installed
    found = {one.name.removeprefix("test_"): one.why for one in results if one.kind == "differs"}
    assert {name: why for name, why in found.items() if name not in listed} == {}
    assert listed - found.keys() == set()


def test_what_can_be_read_can_be_written(results: list[Result]) -> None:
    assert [one for one in results if one.kind == "unwritten"] == []


def test_no_operator_is_lost(mode: str, results: list[Result]) -> None:
    assert sum(one.kind == "equal" for one in results) >= LIST["equal"][mode]


def test_a_refusal_names_an_operation_or_what_the_model_lacks(results: list[Result]) -> None:
    words = ("node ", "the output of the model", "spatial axes", "opset_import")
    assert [one.why for one in results if one.kind == "refused" and not any(word in one.why for word in words)] == []


def test_every_reason_is_one() -> None:
    assert all(len(entry["why"].split()) > 5 for entry in LIST["differs"])


@pytest.mark.parametrize("planted", ["another shape", "another number", "an output less"])
def test_a_difference_is_seen(planted: str) -> None:
    true = [np.ones((2, 3), np.float32), np.zeros(4, np.float32)]
    mine: dict[str, list[Any]] = {
        "another shape": [true[0].T, true[1]],
        "another number": [true[0], true[1] + 0.01],
        "an output less": true[:1],
    }
    assert onnx_operators.compared(true, true)[0] == "equal"
    assert onnx_operators.compared(mine[planted], true)[0] == "differs"
