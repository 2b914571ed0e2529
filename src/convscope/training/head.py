"""The head of a net, its last layer with weights, made to fit the classes of a data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convscope.core.graph import Graph, Own
from convscope.core.net import Net
from convscope.data.classes import listed
from convscope.errors import ConvscopeError, ShapeError
from convscope.inert import inert
from convscope.ops.conv import Conv
from convscope.ops.linear import Linear

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from convscope.core.net import Layer

    Tensors = Mapping[str, NDArray[Any]]


SHOWN = 4
"""The most classes that a note lists."""


@dataclass(frozen=True)
class Head:
    """A net whose head fits a data set.

    Attributes:
        net: the net.
        name: the layer that was changed; empty if none was.
        rows: for each class, the row of the old head that predicts it; None where it is new.
        note: what has changed, in one sentence.
    """

    net: Net
    name: str = ""
    rows: tuple[int | None, ...] = ()
    note: str = ""


def head_of(net: Net) -> Layer | None:
    """Return the head: the last layer with weights, a linear layer or a convolution that gives the scores.

    None if the scores are given in another way.
    """
    layer = next((one for one in net if one.node.name == net.outputs[0].node), None)
    while layer is not None and not layer.node.op.weights(layer.inputs):
        above = layer.node.inputs
        layer = next((one for one in net if one.node.name == above[0]), None) if len(above) == 1 else None
    op = layer.node.op if layer else None
    gives = isinstance(op, Linear) or (isinstance(op, Conv) and op.groups == 1)
    return layer if layer and gives and layer.output[0] == net.output[0] else None


def fitted(net: Net, classes: Sequence[str], known: Sequence[str] | None = None) -> Head:
    """Return the net with as many scores as there are classes.

    Rows of the head follow the names of the classes, where they are known: a class that the net knows keeps its row,
    wherever it stands.

    Args:
        net: the net; it has one output.
        classes: the classes of the data set.
        known: the classes of the old head by row, if they have names.

    Raises:
        ShapeError: the head has to be replaced and cannot be.

    >>> import convscope as cs
    >>> fitted(cs.read("input 4x4x1, linear 3"), ("cat", "dog"), ("dog", "cow", "cat")).rows
    (2, 0)
    """
    if net.output[0] == len(classes) and (known is None or tuple(known) == tuple(classes)):
        return Head(net)
    head = head_of(net)
    if head is None:
        raise ShapeError(
            f"the net gives {net.output[0]} scores, but the data have {len(classes)} classes, "
            "and its last layers are not a head that can be replaced",
            expected="a last layer with weights that is linear, or a convolution",
        )
    name, old = head.node.name, net.output[0]
    made = net if old == len(classes) else _with_scores(net, head, len(classes))
    if known is None:
        new = f"it is replaced by one with {len(classes)}, random at the start"
        note = f'the head "{inert(name)}" gave {old} scores: {new}'
        return Head(made, name, (None,) * len(classes), note)
    rows = tuple(known.index(one) if one in known else None for one in classes)
    return Head(made, name, rows, _told(name, classes, known))


def _told(name: str, classes: Sequence[str], known: Sequence[str]) -> str:
    same = [one for one in classes if one in known]
    new = [one for one in classes if one not in known]
    if not same:
        return f'the head "{inert(name)}" knows none of these classes: it is replaced, random at the start'
    parts = [f"keeps the rows of {len(same)} classes by their names"]
    parts += [f"begins at random for {listed(new, most=SHOWN)}"] * bool(new)
    gone = [one for one in known if one not in classes]
    parts += [f"loses {listed(gone, most=SHOWN)}"] * bool(gone)
    return f'the head "{inert(name)}" {", ".join(parts)}'


def _with_scores(net: Net, head: Layer, count: int) -> Net:
    """Return the net with another number of scores; the layers after the head follow."""
    op = head.node.op
    assert isinstance(op, Linear | Conv)
    nodes = tuple(
        replace(layer.node, op=replace(op, out=count), own=Own()) if layer is head else layer.node for layer in net
    )
    graph = Graph(nodes, tuple(one.name for one in net.inputs), net.outputs)
    try:
        made = Net.at(graph, net.inputs)
    except ConvscopeError as error:
        raise ShapeError(
            f'the head "{head.node.name}" cannot give {count} scores: {error.what}', attempt="change the net by hand"
        ) from None
    return replace(made, notes=net.notes)


def rows_kept(tensor: NDArray[Any], old: NDArray[Any], rows: Sequence[int | None]) -> NDArray[Any]:
    """Return a tensor of a new head, whose known rows are those of the old one.

    >>> import numpy as np
    >>> rows_kept(np.zeros((2, 1)), np.array([[5.0], [6.0], [7.0]]), (2, None)).tolist()
    [[7.0], [0.0]]
    """
    made = tensor.copy()
    for at, row in enumerate(rows):
        if row is not None:
            made[at] = old[row]
    return made
