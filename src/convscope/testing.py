"""What every op promises, as functions that a test calls; for our ops and for anybody's own.

Each check compares what an op states with what torch does, and raises AssertionError with the difference.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from convscope.backends import lower_tensor  # noqa: F401 -- registers its lowerings
from convscope.backends.lower import lower
from convscope.core.op import output_shape, spelled
from convscope.frontends import read

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from convscope.core.axis import Read
    from convscope.core.op import Op
    from convscope.core.shape import Shape

NOISE = 1e-12
"""Slopes below are rounding: an interpolation at a whole position gives the neighbour 1e-17."""

BUMP = 10.0
"""Added to one number of the input at a time, so that each becomes the largest of its window once."""


def op_from_text(text: str, inputs: tuple[Shape, ...]) -> Op:
    """The fitted op that an example writes."""
    from convscope.frontends.text.ends import parse

    element = parse(text, "<example>").series[0].elements[0]
    found: Op = element.op  # type: ignore[union-attr] # an example is one op
    return found.fit(len(inputs[0]) - 1)


def check_op(op: Op, inputs: tuple[Shape, ...]) -> None:
    """All promises at once: shape, weights, reads, MACs, notation."""
    op.check(inputs)
    if op.weights(inputs) is None:  # what cannot be run can only be read
        check_notation(op, inputs)
        return
    model = lower(op, inputs).double().eval()
    check_shape(op, inputs, model)
    check_weights(op, inputs, model)
    check_reads(op, inputs, model)
    check_macs(op, inputs)
    check_notation(op, inputs)


def check_shape(op: Op, inputs: tuple[Shape, ...], model: nn.Module) -> None:
    """The shape that follows from the reads is torch's."""
    claimed = output_shape(op, op.axes(inputs))
    with torch.no_grad():
        true = tuple(model(*(torch.zeros(2, *shape, dtype=torch.float64) for shape in inputs)).shape[1:])
    assert claimed == true, f"{spelled(op)} on {inputs}: shape {claimed}, torch {true}"


def check_weights(op: Op, inputs: tuple[Shape, ...], model: nn.Module) -> None:
    """Names, shapes, what is trained and what holds floats are the lowered module's."""
    stated = op.weights(inputs) or ()
    claimed = {one.name: (one.shape, one.trained, one.dtype.startswith("float")) for one in stated}
    trained, state = {name for name, _ in model.named_parameters()}, model.state_dict()
    true = {name: (tuple(one.shape), name in trained, one.is_floating_point()) for name, one in state.items()}
    assert claimed == true, f"{spelled(op)} on {inputs}: weights {claimed}, torch {true}"


def check_reads(op: Op, inputs: tuple[Shape, ...], model: nn.Module) -> None:
    """The declared reads are the inputs from which autograd finds a gradient, for every output unit.

    An op that declares a hull must declare no less.
    """
    true = gradient_support(model, inputs)
    shape = output_shape(op, op.axes(inputs))
    for number, reads in enumerate(op.axes(inputs)):
        further = op.statistics(inputs) if number == 0 else ()
        for unit, position in enumerate(np.ndindex(shape)):
            claimed = declared_support(reads, position, inputs[number])
            if further:
                claimed |= declared_support(further, position, inputs[number])
            found = true[number][unit].reshape(inputs[number])
            assert np.array_equal(claimed, found) if not op.hull() else not (found & ~claimed).any(), (
                f"{spelled(op)} on {inputs}: unit {position} reads {np.argwhere(claimed).tolist()} of input {number}, "
                f"autograd {np.argwhere(found).tolist()}"
            )


def declared_support(reads: tuple[Read, ...], position: tuple[int, ...], shape: Shape) -> NDArray[np.bool_]:
    """The inputs that one output unit reads, as a mask."""
    mask = np.zeros(shape, dtype=np.bool_)
    mask[np.ix_(*(read.relation.pull(np.array([position[read.follows]])) for read in reads))] = True
    return mask


def gradient_support(model: nn.Module, inputs: tuple[Shape, ...]) -> list[NDArray[np.bool_]]:
    """For each input a mask ``output units x input units``: where a gradient is not zero for some input.

    Weights are made positive, so that nothing cancels; each number of the input is the largest once, so that a maximum
    looks everywhere.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.abs() + 0.1)
    tensors = _bumped(inputs)
    outputs = model(*tensors).flatten(1)
    masks: list[list[NDArray[np.bool_]]] = [[] for _ in inputs]
    for unit in range(outputs.shape[1]):
        slopes = torch.autograd.grad(
            outputs[:, unit].sum() + 0 * tensors[0].sum(),
            tensors,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        for mask, slope in zip(masks, slopes, strict=True):
            mask.append((slope.abs() > NOISE).any(0).numpy())
    return [np.stack(mask).reshape(outputs.shape[1], -1) for mask in masks]


def _bumped(inputs: tuple[Shape, ...]) -> list[Tensor]:
    """A batch of positive inputs, one for each number that is raised and one as it is."""
    total = sum(map(math.prod, inputs))
    random = torch.Generator().manual_seed(0)
    flat = torch.rand(total, dtype=torch.float64, generator=random) + 0.5
    batch = flat.repeat(total + 1, 1)
    batch[:total] += BUMP * torch.eye(total, dtype=torch.float64)
    parts = torch.split(batch, [math.prod(shape) for shape in inputs], dim=1)
    return [part.reshape(-1, *shape).requires_grad_() for part, shape in zip(parts, inputs, strict=True)]


def check_macs(op: Op, inputs: tuple[Shape, ...]) -> None:
    """Multiply-adds are those that torch's own counter finds on meta tensors (it counts two FLOPs for one)."""
    model = lower(op, inputs).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*(torch.zeros(1, *shape, device="meta") for shape in inputs))
    claimed, true = op.macs(inputs, output_shape(op, op.axes(inputs))), counter.get_total_flops() // 2
    assert claimed == true, f"{spelled(op)} on {inputs}: {claimed} MACs, torch {true}"


def check_notation(op: Op, inputs: tuple[Shape, ...]) -> None:
    """The op is read back from what it writes."""
    text = f"{spelled(op)}( id | relu )" if op.merges else spelled(op)
    again = op_from_text(text, inputs)
    assert again == op, f"{text} is read as {again}, not {op}"
    if op.merges:
        return  # whole nets are read back in the property tests
    net = read(f"input {'x'.join(map(str, (*inputs[0][1:], inputs[0][0])))}, {spelled(op)}")
    assert net.layers[0].node.op == op, f"{spelled(op)} in a net is {net.layers[0].node.op}, not {op}"
