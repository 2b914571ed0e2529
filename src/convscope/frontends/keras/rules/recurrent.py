"""Recurrent layers, and layers that contain other layers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.graph import Own
from convscope.core.op import Weight
from convscope.frontends.keras.here import BeyondError
from convscope.frontends.keras.kept import Layout, by_rows
from convscope.frontends.keras.opaque import unknown
from convscope.frontends.keras.outputs import slid
from convscope.frontends.keras.spec import inner
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.algebra import binary
from convscope.frontends.tensors.settle import settled
from convscope.frontends.tensors.values import Const, Value, length
from convscope.ops.opaque import Opaque
from convscope.ops.recurrent import GRU, LSTM

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.frontends.keras.here import Here
    from convscope.frontends.keras.settings import Settings
    from convscope.frontends.keras.spec import Spec

_GATES = {"LSTM": 4, "GRU": 3}


def _usual(settings: Settings, kind: str) -> bool:
    """Return whether the layer computes the same as that of a net."""
    gates = settings.get("activation", "tanh"), settings.get("recurrent_activation", "sigmoid")
    after = kind == "LSTM" or settings.flag("reset_after", default=True)
    return kind in _GATES and gates == ("tanh", "sigmoid") and after


def _turned(kind: str, units: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Bring gates into torch's order; Keras swaps the first two of a GRU."""
    order = [0, 1, 2, 3] if kind == "LSTM" else [1, 0, 2]

    def turned(numbers: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.concatenate([numbers[gate * units : (gate + 1) * units] for gate in order]))

    return turned


def _cell(here: Here, settings: Settings, kind: str, coming: int, direction: tuple[str, str]) -> dict[str, Const]:
    """Return the tensors of one direction under the names of the net's layer."""
    part, suffix = direction
    units = settings.whole("units")
    rows = _GATES[kind] * units
    bias = settings.flag("use_bias", default=True)
    shape = (rows,) if kind == "LSTM" else (2, rows)
    named: dict[str, tuple[int, ...]] = {"kernel": (coming, rows), "recurrent_kernel": (units, rows)}
    found = here.weights(named | ({"bias": shape} if bias else {}), part, settings=settings)
    turn = _turned(kind, units)
    weights = {
        f"weight_ih_l0{suffix}": found["kernel"].then((rows, coming), lambda n: turn(n.T)),
        f"weight_hh_l0{suffix}": found["recurrent_kernel"].then((rows, units), lambda n: turn(n.T)),
    }
    if bias and kind == "LSTM":
        weights[f"bias_ih_l0{suffix}"] = found["bias"]
        weights[f"bias_hh_l0{suffix}"] = Const((rows,), lambda: np.zeros(rows, np.float32))
    elif bias:
        weights[f"bias_ih_l0{suffix}"] = found["bias"].then((rows,), lambda n: turn(n[0]))
        weights[f"bias_hh_l0{suffix}"] = found["bias"].then((rows,), lambda n: turn(n[1]))
    return weights


def _sequence(here: Here, x: Value) -> Value:
    with here.aside():
        return settled(here.builder, x, [x.dims[2], x.dims[1]])


def _recurrent(kind: str) -> Callable[..., Any]:
    def rule(here: Here, x: Value, *, initial_state: Any = None, mask: Any = None) -> Any:
        return _layer(here, x, _further(initial_state, mask), (kind, here.settings))

    return rule


def _further(*given: Any) -> list[Value]:
    """Return tensor arguments of a layer besides the sequence."""
    found: list[Value] = []
    for one in given:
        found += [one] if isinstance(one, Value) else list(one or ())
    return found


def _rnn(here: Here, x: Value, *, initial_state: Any = None, mask: Any = None) -> Any:
    """Handle a layer that repeats a given cell; Keras's own cells are their layers."""
    held = inner(here.settings.table("cell"), here.spec, "cell")
    kind = held.kind.removesuffix("Cell")
    if not held.ours or held.kind not in {"LSTMCell", "GRUCell", "SimpleRNNCell"}:
        raise BeyondError
    return _layer(here, x, _further(initial_state, mask), (kind, held.settings))


def _layer(here: Here, x: Value, more: list[Value], cell: tuple[str, Settings]) -> Any:
    """Run a sequence through a cell: return the last state or all states, and the final states if requested."""
    if len(x.dims) != 3 or here.lead > 1:
        raise BeyondError
    kind, full = cell[0], here.settings.flag("return_sequences")
    if more or not _usual(cell[1], kind) or here.settings.flag("go_backwards") or here.settings.flag("stateful"):
        found = _unknown(here, [x, *more], cell, full=full)
    else:
        found, full = _known(here, x, cell), True
    with here.aside():
        last = shapes.picked(here.builder, found, 1, _last(found)) if full else found
    out = found if here.settings.flag("return_sequences") else last
    return _returned(here, out, last, [x, *more] if kind == "LSTM" else [])


def _returned(here: Here, found: Value, last: Value, carried: list[Value]) -> Any:
    """Return the output, and the last states if the layer returns them; the cell state of an LSTM is unknown."""
    if not here.settings.flag("return_state"):
        return found
    if not carried:
        return [found, last]
    with here.aside("carry"):
        return [found, last, unknown(here, carried, last.sizes[1:], Own((), 0))]


def _known(here: Here, x: Value, cell: tuple[str, Settings]) -> Value:
    """Add the layer of a net, which returns every step's state."""
    kind, settings = cell
    ready = _sequence(here, x)
    made = LSTM if kind == "LSTM" else GRU
    weights = _cell(here, settings, kind, ready.shape[0], ("cell", ""))
    op = made(settings.whole("units"), 1, False, "bias_ih_l0" in weights)  # noqa: FBT003 -- in the order of the fields
    node = here.builder.emit(op, [ready.node], weights)
    return replace(node, dims=((), node.dims[1], node.dims[0]))


def _last(x: Value) -> int:
    return length(x.dims[1]) - 1


def _unknown(here: Here, values: list[Value], cell: tuple[str, Settings], *, full: bool) -> Value:
    """Add an opaque recurrent layer with known weights and multiply-adds."""
    kind, settings = cell
    _, positions, coming = values[0].sizes
    units = settings.whole("units")
    rows = _GATES.get(kind, 1) * units
    matrices: dict[str, tuple[int, ...]] = {"kernel": (coming, rows), "recurrent_kernel": (units, rows)}
    double = kind == "GRU" and settings.flag("reset_after", default=True)
    bias: tuple[int, ...] = (2, rows) if double else (rows,)
    own = _counted(here, settings, matrices, bias if settings.flag("use_bias", default=True) else None)
    own = replace(own, macs=positions * sum(map(math.prod, matrices.values())))
    return unknown(here, values, (positions, units) if full else (units,), own)


def _counted(here: Here, settings: Settings, kernels: dict[str, tuple[int, ...]], bias: tuple[int, ...] | None) -> Own:
    """Return the weights of a cell, which are counted at its first use."""
    found = here.weights(kernels | ({"bias": bias} if bias else {}), "cell", settings=settings)
    roots = here.builder.fresh(root for const in found.values() for root in const.roots)
    return Own(tuple(root.weight() for root in roots))


def _conv_lstm(rank: int) -> Callable[..., Any]:
    """Add a convolutional LSTM (arXiv 1506.04214)."""

    def rule(here: Here, x: Value, *, initial_state: Any = None, mask: Any = None) -> Any:
        if len(x.dims) != rank + 3 or here.lead > 1:
            raise BeyondError
        settings, first = here.settings, here.first
        time, *frame = x.sizes[1:]
        coming, *positions = frame if first else (frame[-1], *frame[:-1])
        filters, taps = settings.whole("filters"), settings.ints("kernel_size", rank)
        kernels = {"kernel": (*taps, coming, 4 * filters), "recurrent_kernel": (*taps, filters, 4 * filters)}
        bias = settings.flag("use_bias", default=True)
        own = _counted(here, settings, kernels, (4 * filters,) if bias else None)
        after = slid(settings, positions)
        own = replace(own, macs=time * math.prod(after) * sum(map(math.prod, kernels.values())))
        full = settings.flag("return_sequences")
        frame = [filters, *after] if first else [*after, filters]
        values = [x, *_further(initial_state, mask)]
        found = unknown(here, values, (*([time] if full else []), *frame), own, at=full if first else -1)
        with here.aside():
            last = shapes.picked(here.builder, found, 1, time - 1) if full and settings.flag("return_state") else found
        return _returned(here, found, last, values)

    return rule


def _bidirectional(here: Here, x: Value) -> Any:
    """Run forwards and backwards over a sequence."""
    raw = here.settings.table("layer")
    held = inner(raw, here.spec, "forward_layer")
    kind, settings = held.kind, held.settings
    other = here.settings.get("backward_layer")
    if other is not None and not _same_cells(inner(other, here.spec, "backward_layer"), held):
        raise BeyondError
    merge = here.settings.values.get("merge_mode", "concat")
    modes = {"concat": "", "sum": "add", "ave": "add", "mul": "mul", None: ""}
    if not _usual(settings, kind) or settings.flag("return_state") or settings.flag("stateful") or merge not in modes:
        raise BeyondError
    if len(x.dims) != 3 or here.lead > 1:
        raise BeyondError
    ready = _sequence(here, x)
    units, b = settings.whole("units"), here.builder
    weights: dict[str, Const] = {}
    for direction in (("forward_layer/cell", ""), ("backward_layer/cell", "_reverse")):
        weights |= _cell(here, settings, kind, ready.shape[0], direction)
    made = LSTM if kind == "LSTM" else GRU
    node = b.emit(made(units, 1, True, "bias_ih_l0" in weights), [ready.node], weights)  # noqa: FBT003 -- in the order of the fields
    found = replace(node, dims=((), node.dims[1], node.dims[0]))
    full = settings.flag("return_sequences")
    with here.aside():
        if full and merge == "concat":
            return found
        halves = [shapes.sliced(b, found, 2, start, start + units, 1) for start in (0, units)]
        if not full:
            halves = [shapes.picked(b, one, 1, at) for one, at in zip(halves, (_last(found), 0), strict=True)]
        if merge == "concat":
            return shapes.concatenated(b, halves, 1)
        if merge is None:
            return halves
        joined = binary(b, modes[merge], *halves)
        return binary(b, "mul", joined, 0.5) if merge == "ave" else joined


def _same_cells(first: Spec, second: Spec) -> bool:
    """Return whether both directions have equal settings."""
    names = ("units", "activation", "recurrent_activation", "use_bias", "reset_after", "return_sequences")
    return first.kind == second.kind and all(first.settings.get(one) == second.settings.get(one) for one in names)


def _time_distributed(here: Here, *args: Value) -> Any:
    """Repeat a layer over the second dimension."""
    held = inner(here.settings.table("layer"), here.spec, "layer")
    return here.run(held, list(args), {}, lead=here.lead + 1, sizes=here.sizes)


def _spectral(here: Here, x: Value) -> Any:
    """Handle a layer with spectral normalisation in training, which stores a vector for it."""
    held = inner(here.settings.table("layer"), here.spec, "layer")
    start = len(here.builder.layers)
    found = here.run(held, [x], {}, lead=here.lead, sizes=here.sizes)
    kernels = [at for at in range(start, len(here.builder.layers)) if here.builder.layers[at].weights]
    if kernels:
        layer = here.builder.layers[kernels[0]]
        stored = layer.weights or ()
        out = next(weight.shape[0] for weight in stored)
        vector = Weight(f"{here.spec.owner.scope}.vector_u", (1, out), trained=False)
        own = replace(layer.node.own, weights=(*stored, vector))
        here.builder.layers[kernels[0]] = replace(layer, node=replace(layer.node, own=own))
    return found


def _embedding(here: Here, x: Value) -> Value:
    """Embed integers as learned vectors, an opaque read that depends on values."""
    if len(x.dims) > 4 or here.lead > 1:
        raise BeyondError
    rows, width = here.settings.whole("input_dim"), here.settings.whole("output_dim")
    found = here.weights({"embeddings": (rows, width)}, layout=Layout(spread=by_rows))
    roots = here.builder.fresh(found["embeddings"].roots)
    made = here.builder.emit(Opaque((width, *x.sizes[1:])), [x.node])
    here.builder.spend(made, Own(tuple(root.weight() for root in roots), 0))
    channels, *positions = made.dims
    return replace(made, dims=((), *positions, channels))


LAYERS: dict[str, Callable[..., Any]] = {
    "LSTM": _recurrent("LSTM"),
    "GRU": _recurrent("GRU"),
    "SimpleRNN": _recurrent("SimpleRNN"),
    "RNN": _rnn,
    **{f"ConvLSTM{rank}D": _conv_lstm(rank) for rank in (1, 2, 3)},
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    "SpectralNormalization": _spectral,
    "Embedding": _embedding,
}
"""Layers by class."""
