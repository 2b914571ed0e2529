"""The number of convolutions until the map is 1x1, and until a unit covers an object."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from convscope.analyze.table import layer_table
from convscope.budget import question, spend
from convscope.core.axis import Window
from convscope.core.graph import INPUT, Graph, Node
from convscope.core.net import Net
from convscope.core.op import spelled
from convscope.core.shape import to_text
from convscope.errors import FieldError
from convscope.ops.conv import Conv
from convscope.ops.pool import MaxPool
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from convscope.core.op import Op
    from convscope.core.shape import Shape

SCHEMA = "convscope/depth/1"

CONV = 200
"""Cost of a convolution, which becomes a layer and a row of a table [microsecond]."""


@dataclass(frozen=True)
class Step:
    """The net after some convolutions, including a pooling after the last one.

    Attributes:
        convs: number of convolutions.
        size: height and width of the map.
        field: receptive field along one axis [input pixel].
        params: number of parameters so far.
        macs: multiply-adds so far [MAC].
    """

    convs: int
    size: int
    field: int
    params: int
    macs: int


@dataclass(frozen=True)
class Depth:
    """The result of :func:`depth`; prints itself.

    Attributes:
        input: shape ``c h w``.
        layer: the convolution, in the notation.
        steps: one for each convolution until no more fits, or the object is covered.
        target: size of the object, if one was given.
        pool_every: convolutions between 2x2 max-poolings; 0 for none.
    """

    input: Shape
    layer: str
    steps: tuple[Step, ...]
    target: int | None
    pool_every: int

    @property
    def to_one(self) -> Step | None:
        """The step at which the map is 1x1; None if it never is."""
        return next((step for step in self.steps if step.size == 1), None)

    @property
    def to_object(self) -> Step | None:
        """The step at which the field covers the object; None if it never does."""
        return next((step for step in self.steps if self.target and step.field >= self.target), None)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/depth/1``."""
        return {
            "schema": SCHEMA,
            "input": to_text(self.input),
            "layer": self.layer,
            "pool_every": self.pool_every,
            "object": self.target,
            "to_one": _step_json(self.to_one),
            "to_object": _step_json(self.to_object),
            "steps": [_step_json(step) for step in self.steps],
        }

    def __str__(self) -> str:
        kernel = self.layer.split()[2]
        pooled = f", maxpool 2 after every {self.pool_every}" if self.pool_every else ""
        lines = [f"input {to_text(self.input)}, then {self.layer} repeatedly{pooled}"]
        one, last = self.to_one, self.steps[-1]
        if one:
            lines.append(f"{_convs(one)} of {kernel} to 1x1{_cost(one)}")
        else:
            lines.append(
                f"never 1x1: after {_convs(last)} the map is {last.size}x{last.size}, too small for more{_cost(last)}"
            )
        if self.target:
            seen, size = self.to_object, f"{self.target}x{self.target}"
            lines.append(
                f"{_convs(seen)} of {kernel} to cover an object of {size}{_cost(seen)}"
                if seen
                else f"no unit ever covers an object of {size}: the map ends after {_convs(last)}{_cost(last)}"
            )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _convs(step: Step) -> str:
    return f"{step.convs} conv{'s' if step.convs != 1 else ''}"


def _cost(step: Step) -> str:
    return f" · field {step.field}x{step.field} · params {step.params:,} · MACs {step.macs:,}"


def _step_json(step: Step | None) -> dict[str, int] | None:
    if step is None:
        return None
    return {
        "convs": step.convs,
        "size": step.size,
        "rf": step.field,
        "params": step.params,
        "macs": step.macs,
    }


@question()
def depth(  # noqa: PLR0913 -- the parameters of the question
    size: int,
    *,
    kernel: int = 3,
    channels: int = 1,
    filters: int = 1,
    object_size: int | None = None,
    object: int | None = None,  # noqa: A002 -- the word of the command line
    pool_every: int = 0,
) -> Depth:
    """Count the ``kernel x kernel`` convolutions (no padding, no bias) that bring ``size x size`` to 1x1.

    Args:
        size: height and width of the image.
        kernel: height and width of the kernels, from 2.
        channels: channels of the image.
        filters: channels of every convolution.
        object_size: height and width of an object; the convolutions until a unit covers it are then counted, too.
        object: the same, by the name that it has on the command line.
        pool_every: the number of convolutions after which a 2x2 max-pooling follows; 0 for none.

    Raises:
        FieldError: a number is out of range, or the size of the object is given twice.

    >>> depth(199).to_one.convs
    99
    >>> depth(199, object_size=20).to_object.convs, depth(199, object_size=20, pool_every=3).to_object.convs
    (10, 6)
    """
    if object is not None and object_size is not None:
        raise FieldError(
            "the size of the object is given twice", given="object and object_size", expected="one of them"
        )
    object_size = object_size if object is None else object
    least = {"size": (size, 1), "kernel": (kernel, 2), "channels": (channels, 1), "filters": (filters, 1)}
    least |= {"object": (1 if object_size is None else object_size, 1), "pool-every": (pool_every, 0)}
    for name, (value, minimum) in least.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise FieldError(f"{name}={value}", expected=f"an integer from {minimum}")
    ops = _stack(size, Conv(filters, (kernel,), bias=False), pool_every)
    shape = (channels, size, size)
    if not ops:
        raise FieldError(f"a {kernel}x{kernel} kernel does not fit into {size}x{size}")
    names = [INPUT, *(f"{op.keyword}{index}" for index, op in enumerate(ops))]
    net = Net.at(Graph(tuple(Node(names[i + 1], op, (names[i],)) for i, op in enumerate(ops))), shape)
    return Depth(shape, spelled(net.layers[0].node.op), _steps(net), object_size, pool_every)


def _stack(size: int, conv: Conv, pool_every: int) -> list[Op]:
    """Yield convolutions and poolings until the next one does not fit."""
    ops: list[Op] = []
    for convs in count(1):
        size = Window(size, conv.kernel[0]).extent
        if size < 1:
            return ops
        spend(CONV)
        ops.append(conv)
        if pool_every and convs % pool_every == 0 and size >= 2:
            size = Window(size, 2, stride=2).extent
            ops.append(MaxPool((2,)))
    raise AssertionError("count() does not end")


def _steps(net: Net) -> tuple[Step, ...]:
    """Return one step for each convolution and the pooling after it."""
    steps = []
    convs = params = macs = 0
    for row in layer_table(net).rows:
        params, macs = params + (row.params or 0), macs + (row.macs or 0)
        if row.op.startswith("conv"):
            convs += 1
            steps.append(Step(convs, row.out[1], row.field[0].size, params, macs))
        else:  # the pooling shrinks the map that the last convolution left
            steps[-1] = Step(convs, row.out[1], row.field[0].size, params, macs)
    return tuple(steps)
