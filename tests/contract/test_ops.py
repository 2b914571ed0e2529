"""The contract of every registered op, over its own examples. A new op needs no test of its own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convscope import ops, testing
from convscope.core.axis import Read, Table
from convscope.core.op import REGISTRY, Example, Op, spelled
from convscope.core.spell import Count, Flag, Kind, Padding, Real, Sizes
from convscope.core.words import Choice, Extent, Range, Runs, Spec
from convscope.errors import FieldError
from convscope.ops.conv import Conv
from convscope.ops.pool import MaxPool

CASES = [(made, example) for made in REGISTRY.values() for example in made.examples]


def build(made: type[Op], example: Example) -> Op:
    assert example.text.split("(")[0].split()[0] == made.keyword
    return testing.op_from_text(example.text, example.inputs)


@pytest.mark.parametrize(("made", "example"), CASES, ids=[example.text for _, example in CASES])
def test_contract(made: type[Op], example: Example) -> None:
    op = build(made, example)
    assert type(op) is made
    testing.check_op(op, example.inputs)


@pytest.mark.parametrize(("made", "example"), CASES, ids=[example.text for _, example in CASES])
def test_tables_declare_their_width(made: type[Op], example: Example) -> None:
    for reads in build(made, example).axes(example.inputs):
        for table in (read.relation for read in reads if isinstance(read.relation, Table)):
            first, last = table.ends(np.arange(table.extent))
            assert table.width == (last - first + 1).max()


def test_every_op_has_examples() -> None:
    assert len(REGISTRY) >= 68
    assert len(ops.__all__) == 17
    assert all(made.examples for made in REGISTRY.values())


def good_value(kind: Kind) -> Any:
    if isinstance(kind, Choice):
        return kind.words[0]
    if isinstance(kind, Spec):
        return ":".join(["a2"] * kind.parts)
    values: dict[Any, Any] = {Count: 1, Sizes: (1,), Padding: ((1, 1),), Extent: (1, 2, 2), Real: 1.0}
    values[Range] = (0, 2, 1)
    values[Runs] = (0, 1)
    return values[type(kind)]


BAD: dict[type[Kind], tuple[Any, ...]] = {Count: (-1, 2.5, True, "3"), Sizes: ((-1,), (2.0,), 3, "3"),
       Padding: ((-1,), ((0,),), 3, ((1, 2, 3),)),
       Real: ("x", True), Spec: ("a:b:c:d", "a2xb", 3),
       Runs: ((), (-1,), (1.5,), 3, tuple(range(0, 400, 2))),
       Range: ((0, 1), (2, 2, 1), (0, 2, 0)),
       Flag: (1, "yes"), Choice: ("other", 1), Extent: ((0, 1), (), "3")}  # fmt: skip


@pytest.mark.parametrize("made", REGISTRY.values(), ids=REGISTRY)
def test_bad_fields_raise(made: type[Op]) -> None:
    good = {s.name: good_value(s.kind) for s in made.declared if s.required}
    made(**good)
    for setting in made.declared:
        for value in BAD[type(setting.kind)]:
            with pytest.raises(FieldError, match=setting.name):
                made(**{**good, setting.name: value})


def changed(read: Read, **fields: int) -> Any:
    window: Any = read.relation
    return replace(window, **fields)


class ForgetsDilation(Conv):
    def axes(self, inputs: Any) -> Any:
        (channels, *spatial) = super().axes(inputs)[0]
        return ((channels, *(Read(r.follows, changed(r, dilation=1)) for r in spatial)),)


class ForgetsBias(Conv):
    def weights(self, inputs: Any) -> Any:
        return super().weights(inputs)[:1]


class CountsBias(Conv):
    def macs(self, inputs: Any, output: Any) -> Any:
        return super().macs(inputs, output) + self.out


class ReadsOneMore(MaxPool):
    def axes(self, inputs: Any) -> Any:
        (channels, *spatial) = super().axes(inputs)[0]
        return ((channels, *(Read(r.follows, changed(r, kernel=3, hi=1)) for r in spatial)),)


@pytest.mark.parametrize(
    ("op", "inputs", "message"),
    [
        (ForgetsDilation(2, (3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2)), ((1, 6, 6),), "shape"),
        (ForgetsDilation(1, (2, 2), (1, 1), ((0, 1), (0, 1)), (2, 2)), ((1, 4, 4),), "shape|reads"),
        (ForgetsBias(2, (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1)), ((1, 5, 5),), "weights"),
        (CountsBias(2, (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1)), ((1, 5, 5),), "MACs"),
        (ReadsOneMore((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), ((1, 6, 6),), "reads"),
    ],
    ids=["dilation", "dilation, same shape", "bias", "macs", "reach"],
)
def test_planted_faults_are_found(op: Op, inputs: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_op(op, inputs)


def test_spelled_leaves_defaults_out() -> None:
    assert spelled(Conv(16, (3,)).fit(2)) == "conv 16 3x3"
    assert spelled(MaxPool((2,)).fit(2)) == "maxpool 2x2"
