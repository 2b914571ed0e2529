"""Recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import at_hand
from convscope.frontends.onnx.sliding import need
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.settle import settled
from convscope.frontends.tensors.values import Const, Factor, Value
from convscope.ops.recurrent import GRU, LSTM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.onnx.call import Call

GATES: dict[type[LSTM | GRU], tuple[int, ...]] = {LSTM: (0, 2, 3, 1), GRU: (1, 0, 2)}
"""The position in ONNX of each of torch's gates: input, forget, cell, output; reset, update, new."""


def recurrent(made: type[LSTM | GRU]) -> Callable[[Call], Any]:
    """See the operators LSTM and GRU: one layer, in one direction or both, with zero initial state."""

    def rule(call: Call) -> Any:
        x, w, r, bias = call.value(0), call.const(1), call.const(2), call.maybe(3)
        both = call.word("direction", "forward") == "bidirectional"
        _check(call, made)
        directions, rows, hidden = r.sizes
        first = call.whole("layout", 0)
        need(r.sizes[1:], (made.gates * hidden, hidden), "the recurrent weight")
        need(w.sizes[1:], (rows, x.sizes[2]), "the weight")
        if x.dims[0 if first else 1] or directions != 1 + both:
            raise ShapeError("a batch-first layout and the direction reverse are not supported")
        ready = settled(call.builder, x, [x.dims[2], x.dims[1 if first else 0]])
        parts = {"weight_ih_l0": w, "weight_hh_l0": r}
        if bias is not None:
            parts["bias_ih_l0"] = bias.then((directions, rows), lambda numbers: numbers[:, :rows])
            parts["bias_hh_l0"] = bias.then((directions, rows), lambda numbers: numbers[:, rows:])
        weights = {
            name + back: _ordered(const, at, GATES[made])
            for name, const in parts.items()
            for at, back in enumerate(("", "_reverse")[:directions])
        }
        found = call.builder.emit(made(hidden, 1, both, bias is not None), [ready.node], weights)
        return _outputs(call, found, hidden, both=both, batch_first=bool(first))

    return rule


def _check(call: Call, made: type[LSTM | GRU]) -> None:
    """Raise ShapeError for features that torch's layers lack."""
    states = (5, 6) if made is LSTM else (5,)
    for at in states:
        state = call.maybe(at)
        if state is not None and at_hand(state).any():
            raise ShapeError("a non-zero initial state is not supported")
    unusual = [name for name in ("activations", "clip", "input_forget") if call.attrs.get(name)]
    if made is GRU and not call.whole("linear_before_reset", 0):
        unusual.append("linear_before_reset=0")
    if unusual or call.get(7) is not None or call.word("direction", "forward") == "reverse":
        raise ShapeError(
            f"a recurrent layer with {', '.join(unusual) or 'peepholes or direction=reverse'} is not supported"
        )


def _ordered(const: Const, direction: int, gates: Sequence[int]) -> Const:
    """Return the weights of one direction, with gates in torch's order."""
    sizes = const.sizes[1:]

    def change(numbers: NDArray[Any]) -> NDArray[Any]:
        split = numbers[direction].reshape(len(gates), -1, *sizes[1:])
        return np.ascontiguousarray(split[list(gates)].reshape(sizes))

    return const.then(sizes, change)


def _outputs(call: Call, found: Value, hidden: int, *, both: bool, batch_first: bool) -> list[Value | None]:
    """Return all positions ``n directions 1 hidden``, and the final state of each direction."""
    positions = found.shape[1]
    time = (Factor(1, positions, 1),) if positions > 1 else ()
    way = (Factor(0, 2, hidden),) if both else ()
    inner = (Factor(0, hidden, 1),) if hidden > 1 else ()
    order = ((), time, way, inner) if batch_first else (time, way, (), inner)
    every = Value(found.node, found.shape, order)
    if call.outputs < 2:
        return [every]
    at, ways = (1, 2) if batch_first else (0, 1)
    ends = []
    for direction in range(1 + both):
        one = shapes.sliced(call.builder, every, ways, direction, direction + 1, 1)
        ends.append(shapes.picked(call.builder, one, at, 0 if direction else positions - 1))
    last = ends[0] if len(ends) == 1 else shapes.concatenated(call.builder, ends, ways - 1 if not batch_first else 1)
    return [every, last, None]
