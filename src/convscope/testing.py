"""The contract of every op as functions for tests, for our ops and for your own.

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
"""Gradients below this are rounding: an interpolation at an integer position gives the neighbour 1e-17."""

BUMP = 10.0
"""Added to one input value at a time, so that each becomes the largest of its window once."""


def op_from_text(text: str, inputs: tuple[Shape, ...]) -> Op:
    """Return the fitted op of an example."""
    from convscope.frontends.text.ends import parse

    element = parse(text, "<example>").series[0].elements[0]
    found: Op = element.op  # type: ignore[union-attr] # an example is one op
    return found.fit(len(inputs[0]) - 1)


def check_op(op: Op, inputs: tuple[Shape, ...]) -> None:
    """Check the entire contract: shape, weights, reads, MACs, notation."""
    op.check(inputs)
    if op.weights(inputs) is None:  # an op that cannot run can only be read back
        check_notation(op, inputs)
        return
    model = lower(op, inputs).double().eval()
    check_shape(op, inputs, model)
    check_weights(op, inputs, model)
    check_reads(op, inputs, model)
    check_macs(op, inputs)
    check_notation(op, inputs)


def check_shape(op: Op, inputs: tuple[Shape, ...], model: nn.Module) -> None:
    """Check that the shape implied by the reads is torch's."""
    claimed = output_shape(op, op.axes(inputs))
    with torch.no_grad():
        true = tuple(model(*(torch.zeros(2, *shape, dtype=torch.float64) for shape in inputs)).shape[1:])
    assert claimed == true, f"{spelled(op)} on {inputs}: shape {claimed}, torch {true}"


def check_weights(op: Op, inputs: tuple[Shape, ...], model: nn.Module) -> None:
    """Check that names, shapes, trainability and dtypes of weights are those of the lowered module."""
    stated = op.weights(inputs) or ()
    claimed = {one.name: (one.shape, one.trained, one.dtype.startswith("float")) for one in stated}
    trained, state = {name for name, _ in model.named_parameters()}, model.state_dict()
    true = {name: (tuple(one.shape), name in trained, one.is_floating_point()) for name, one in state.items()}
    assert claimed == true, f"{spelled(op)} on {inputs}: weights {claimed}, torch {true}"


def check_reads(op: Op, inputs: tuple[Shape, ...], model: nn.Module) -> None:
    """Check that the declared reads are the inputs with a gradient in autograd, for every output unit.

    An op that declares an upper bound must not declare less.
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
    """Return the mask of inputs that one output unit reads."""
    mask = np.zeros(shape, dtype=np.bool_)
    mask[np.ix_(*(read.relation.pull(np.array([position[read.follows]])) for read in reads))] = True
    return mask


def gradient_support(model: nn.Module, inputs: tuple[Shape, ...]) -> list[NDArray[np.bool_]]:
    """Return a mask ``output units x input units`` for each input, where a gradient is not zero for some sample.

    Weights are made positive, so that nothing cancels; each input value is the largest once, so that a maximum reads
    everything.
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
    """Return a batch of positive inputs: one for each raised value, and one unchanged."""
    total = sum(map(math.prod, inputs))
    random = torch.Generator().manual_seed(0)
    flat = torch.rand(total, dtype=torch.float64, generator=random) + 0.5
    batch = flat.repeat(total + 1, 1)
    batch[:total] += BUMP * torch.eye(total, dtype=torch.float64)
    parts = torch.split(batch, [math.prod(shape) for shape in inputs], dim=1)
    return [part.reshape(-1, *shape).requires_grad_() for part, shape in zip(parts, inputs, strict=True)]


def check_macs(op: Op, inputs: tuple[Shape, ...]) -> None:
    """Check that multiply-adds equal torch's own count on meta tensors (which counts two FLOPs for one)."""
    model = lower(op, inputs).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*(torch.zeros(1, *shape, device="meta") for shape in inputs))
    claimed, true = op.macs(inputs, output_shape(op, op.axes(inputs))), counter.get_total_flops() // 2
    assert claimed == true, f"{spelled(op)} on {inputs}: {claimed} MACs, torch {true}"


def check_notation(op: Op, inputs: tuple[Shape, ...]) -> None:
    """Check that the op can be read back from its notation."""
    text = f"{spelled(op)}( id | relu )" if op.merges else spelled(op)
    again = op_from_text(text, inputs)
    assert again == op, f"{text} is read as {again}, not {op}"
    if op.merges:
        return  # entire nets are read back in the property tests
    net = read(f"input {'x'.join(map(str, (*inputs[0][1:], inputs[0][0])))}, {spelled(op)}")
    assert net.layers[0].node.op == op, f"{spelled(op)} in a net is {net.layers[0].node.op}, not {op}"
