"""Bytes: live activations over time in inference, tensors saved for the backward pass, weights and optimizer state.

Inference runs the layers in order and drops each tensor after its last reader (the image stays: the caller has it).
An op that works in place takes over the memory of its input if nothing else reads that. Training keeps everything that
each op's gradient needs (``saves`` of the op) until the backward pass; a tensor that several ops save is counted once.
The backward pass walks the layers in reverse, drops what it has used, and holds the current gradients. Frozen
parameters have neither gradient nor optimizer state, and a layer without a trained parameter at or before it keeps
nothing.

Memory that a library uses inside an op or caches is not counted. It is small for convolutions, poolings, norms,
activations and merges; attention and local response norm keep tensors of their own, and uneven padding keeps a padded
copy, so estimates for nets with these are too low. A linear layer at every position is a 1x1 convolution here, which
keeps its input for either gradient: if such weights are frozen after trained ones, the estimate is an upper bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.analyze.alive import Ends, There
from convscope.analyze.cost import frozen, net_frozen, net_params, params
from convscope.budget import question
from convscope.core.source import net_of
from convscope.errors import FieldError
from convscope.inert import inert
from convscope.view.numbers import bytes_text
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

FLOAT32 = 4
"""Size of a float32 value [byte]."""

ITEMSIZE = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1, "float64": 8}
"""Size of a value by dtype [byte]."""

OTHER_NAMES = {
    "fp32": "float32", "float": "float32", "single": "float32", "f32": "float32", "fp16": "float16", "half": "float16",
    "f16": "float16", "bf16": "bfloat16", "fp64": "float64", "double": "float64", "f64": "float64", "i8": "int8",
}  # fmt: skip
"""Other names of dtypes."""

OPTIMIZERS = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2, "nadam": 2, "rmsprop": 1, "adagrad": 1}
"""Values that an optimizer keeps for each weight, in addition to gradients."""

INDEX = 8
"""Size of an index that a max-pooling saves [byte]."""


def activation_bytes(shape: Shape, *, batch: int = 1, itemsize: int = FLOAT32) -> int:
    """Return the size of a tensor of activations [byte].

    >>> activation_bytes((16, 26, 26))
    43264
    """
    return math.prod(shape) * batch * itemsize


@dataclass(frozen=True)
class Moment:
    """The live activations while a layer runs [byte]."""

    node: str
    bytes: int


@dataclass(frozen=True)
class Memory:
    """The result of :func:`memory`; prints itself. All sizes are in bytes.

    Attributes:
        dtype: of activations and weights.
        batch: samples at a time.
        weights: parameters and stored statistics.
        frozen: the frozen part of the weights.
        timeline: live activations while each layer runs, in inference.
        saved: activations kept for the backward pass at the end of the forward pass.
        training_peak: the most activations and gradients alive at once in training, those of weights included.
        gradients: gradients of all trained weights.
        optimizer: state of the optimizer.
        missing: layers whose weights are unknown, which makes sums lower bounds.
    """

    dtype: str
    batch: int
    weights: int
    frozen: int
    timeline: tuple[Moment, ...]
    saved: int
    training_peak: Moment
    gradients: int
    optimizer: int
    missing: tuple[str, ...]

    @property
    def peak(self) -> Moment:
        """The layer of inference with the most live activations."""
        return max(self.timeline, key=lambda moment: moment.bytes)

    @property
    def inference(self) -> int:
        """Weights and the peak of activations."""
        return self.weights + self.peak.bytes

    @property
    def training(self) -> int:
        """Weights, optimizer, and the peak of activations and gradients."""
        return self.weights + self.optimizer + max(self.training_peak.bytes, self.gradients)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/memory/1``."""
        return {
            "schema": "convscope/memory/1",
            "dtype": self.dtype,
            "batch": self.batch,
            "weights": self.weights,
            "frozen": self.frozen,
            "inference_peak": {"bytes": self.peak.bytes, "node": self.peak.node},
            "inference": self.inference,
            "saved": self.saved,
            "training_peak": {"bytes": self.training_peak.bytes, "node": self.training_peak.node},
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "training": self.training,
            "timeline": [{"node": moment.node, "bytes": moment.bytes} for moment in self.timeline],
            "missing": list(self.missing),
        }

    def __str__(self) -> str:
        bound = "≥ " if self.missing else ""
        rows = {
            "weights": f"{bound}{bytes_text(self.weights)}{self._told_frozen()}",
            "inference": f"{bytes_text(self.peak.bytes)} of activations at {self.peak.node}, {bound}"
            f"{bytes_text(self.inference)} with weights",
            "training": f"{bytes_text(self.saved)} saved for the backward pass, {bytes_text(self.training_peak.bytes)} "
            f"at its peak ({self.training_peak.node}), {bound}{bytes_text(self.training)} with weights and optimizer",
        }
        head = f"{self.dtype}, batch {self.batch}"
        return "\n".join([head, *(inert(f"{key:<10} {value}") for key, value in rows.items())])

    def _told_frozen(self) -> str:
        return f", {bytes_text(self.frozen)} of them frozen, without gradients" if self.frozen else ""

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text_html(str(self))


def memory(  # noqa: PLR0913 -- the parameters of the question, all by keyword
    net: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    batch: int = 1,
    dtype: str = "float32",
    optimizer: str = "adam",
    in_place: bool = True,
) -> Memory:
    """Estimate the memory of a net.

    Args:
        net: a net, or what :func:`convscope.read` takes.
        input: size of the input, if ``net`` does not state it.
        batch: samples at a time.
        dtype: float32, bfloat16, float16, int8, float64, or another name of these, such as fp16.
        optimizer: sgd, momentum, adam, adamw, nadam, rmsprop or adagrad.
        in_place: in inference, let ops take over their input's memory if they can.

    Raises:
        FieldError: an argument is invalid.

    A 1x1 to 8 channels on 4x4x2: 32 values in, 128 out, all alive at once.

    >>> memory("input 4x4x2, conv 8 1x1").peak
    Moment(node='conv1', bytes=640)
    """
    dtype, optimizer = dtype_of(dtype), optimizer.lower()
    if optimizer not in OPTIMIZERS:
        raise FieldError(f'optimizer="{optimizer}"', expected=f"one of {', '.join(OPTIMIZERS)}")
    if batch < 1:
        raise FieldError(f"batch={batch}", expected="an integer from 1")
    found = net_of(net, input)
    with question(layers=len(found)):
        return _memory(found, batch, dtype, optimizer, in_place=in_place)


def dtype_of(name: str) -> str:
    """Return the canonical name of a dtype.

    Raises:
        FieldError: there is no such dtype.

    >>> dtype_of("bf16")
    'bfloat16'
    """
    found = OTHER_NAMES.get(name.lower(), name.lower())
    if found not in ITEMSIZE:
        raise FieldError(f'dtype="{name}"', expected=f"one of {', '.join(ITEMSIZE)}")
    return found


def _memory(net: Net, batch: int, dtype: str, optimizer: str, *, in_place: bool) -> Memory:
    size = ITEMSIZE[dtype]
    owned = {layer.node.name: layer.weights for layer in net}
    stored = sum(weight.count for weights in owned.values() for weight in weights or ())
    learned, left = net_params(net), net_frozen(net)
    flow = _Flow(net, batch * size, batch)
    saved, peak = flow.training()
    return Memory(
        dtype=dtype,
        batch=batch,
        weights=stored * size,
        frozen=left * size,
        timeline=tuple(flow.inference(in_place=in_place)),
        saved=saved,
        training_peak=peak,
        gradients=(learned.value - left) * size,
        optimizer=(learned.value - left) * size * OPTIMIZERS[optimizer],
        missing=learned.missing,
    )


class _Flow:
    """The tensors of a net during a pass. A view shares the memory of its input; ``root`` names the owner."""

    def __init__(self, net: Net, scale: int, batch: int) -> None:
        self.net, self.scale, self.batch = net, scale, batch
        self.given = {one.name: one.shape for one in net.inputs}
        self.shapes = self.given | {layer.node.name: layer.output for layer in net}
        self.root = {name: name for name in self.given}
        for layer in net:
            name, source = layer.node.name, layer.node.inputs[0]
            self.root[name] = self.root[source] if layer.node.op.memory == "view" else name
        self.last: dict[str, int] = {}
        for step, layer in enumerate(net):
            for source in layer.node.inputs:
                self.last[self.root[source]] = step
        self.last |= {self.root[output.node]: len(net) for output in net.outputs}
        live = net.live()
        self.learns: set[str] = set()  # layers whose output needs a gradient: at or after trained weights
        for layer in net:
            needed = layer.node.name in live  # tensors that a dead layer keeps are dropped with its output
            if needed and (layer.trains or self.learns & set(layer.node.inputs)):
                self.learns.add(layer.node.name)

    def bytes(self, name: str) -> int:
        """Return the size of a tensor [byte]."""
        return math.prod(self.shapes[name]) * self.scale

    def inference(self, *, in_place: bool) -> list[Moment]:
        """Return the live activations while each layer runs."""
        owner = dict(self.root)
        last = dict(self.last)
        moments, alive = [], {name: self.bytes(name) for name in self.given}
        live, ends = sum(alive.values()), Ends(last)
        for step, layer in enumerate(self.net):
            name = layer.node.name
            before = owner[layer.node.inputs[0]]
            spent = last[before] == step and before not in self.given
            takes_over = in_place and spent and layer.node.op.memory == "in place"
            if takes_over or layer.node.op.memory == "view":
                owner[name] = before
                ends.move(before, max(last.get(self.root[name], step), last.get(before, step)))
            else:
                owner[name] = name
                ends.move(name, self.last.get(self.root[name], step))
                alive[name] = self.bytes(name)
                live += alive[name]
            # torch computes the indices of a max-pooling in inference, too, and drops them
            extra = math.prod(layer.output) * self.batch * INDEX if "indices" in layer.node.op.saves else 0
            moments.append(Moment(name, live + extra))
            for other in ends.at(step):
                if other in alive and other not in self.given:
                    live -= alive.pop(other)
        return moments

    def saves(self, layer: Layer) -> dict[str, int]:
        """Return what the gradient of a layer needs: tensors by name, and bytes of its own tensors."""
        name, sources = layer.node.name, layer.node.inputs
        found: dict[str, int] = {}
        for what in layer.node.op.saves if name in self.learns else ():
            if what in {"inputs", "factors"}:
                kept = sources if what == "inputs" else self.factors(layer)
                found |= {self.root[source]: self.bytes(self.root[source]) for source in kept}
            elif what == "output":
                found[self.root[name]] = self.bytes(self.root[name])
            elif what == "indices":
                found[f"{name}.indices"] = math.prod(layer.output) * self.batch * INDEX
            elif what == "mask":
                found[f"{name}.mask"] = self.bytes(name)
        return found

    def factors(self, layer: Layer) -> list[str]:
        """Return inputs of a product that another factor, an input or the first weight, needs for its gradient."""
        stated = layer.node.op.weights(layer.inputs)
        if stated and stated[0].name in layer.trains:
            return list(layer.node.inputs)
        taking = [name in self.learns for name in layer.node.inputs]
        others = [sum(taking) > takes for takes in taking]
        return [name for name, needed in zip(layer.node.inputs, others, strict=True) if needed]

    def training(self) -> tuple[int, Moment]:
        """Return the bytes saved at the end of the forward pass, and the peak of the step."""
        users: dict[str, int] = {}
        peak = Moment(self.net.layers[0].node.name, 0)
        there = There({name: self.bytes(name) for name in self.given})
        ends = Ends(self.last)
        for step, layer in enumerate(self.net):
            for name, size in self.saves(layer).items():
                there.keep(name, size)
                users[name] = users.get(name, 0) + 1
            root = self.root[layer.node.name]
            if root not in there.alive:
                there.live(root, self.bytes(root))
                ends.move(root, self.last.get(root, step))
            peak = max(peak, Moment(layer.node.name, there.bytes), key=lambda moment: moment.bytes)
            for other in ends.at(step):
                if other not in self.given:
                    there.drop(other)
        return there.bytes, self._backward(there, users, peak)

    def _backward(self, there: There, users: dict[str, int], peak: Moment) -> Moment:
        """Walk back: add gradients, release saved tensors."""
        gradients = _Gradients(self)
        weights = 0
        for layer in reversed(self.net.layers):
            if layer.node.name not in gradients.held:
                continue
            weights += ((params(layer) or 0) - (frozen(layer) or 0)) * self.scale // self.batch
            extra = gradients.step(layer)
            live = there.bytes + gradients.bytes + weights + extra
            peak = max(peak, Moment(f"{layer.node.name}, backward", live), key=lambda moment: moment.bytes)
            gradients.drop(layer.node.name)
            for saved in self.saves(layer):
                users[saved] -= 1
                if not users[saved]:
                    there.release(saved)
        return peak


class _Gradients:
    """The gradients of the backward pass: the tensor that holds each layer's gradient."""

    def __init__(self, flow: _Flow) -> None:
        self.flow = flow
        ends = [output.node for output in flow.net.outputs]
        self.held: dict[str, str] = {}
        self.sizes = {name: flow.bytes(name) for name in ends}
        self.holders: dict[str, int] = {}
        self.bytes = 0  # uses of the tensors that hold a gradient
        for name in ends:
            if name in flow.learns and name not in self.held:
                self.put(name, name)

    def put(self, name: str, root: str) -> None:
        """Note that a tensor holds the gradient of a layer."""
        if name in self.held:
            self.drop(name)
        self.held[name] = root
        self.holders[root] = self.holders.get(root, 0) + 1
        if self.holders[root] == 1:
            self.bytes += self.sizes[root]

    def drop(self, name: str) -> None:
        """Release the gradient of a layer."""
        root = self.held.pop(name)
        self.holders[root] -= 1
        if not self.holders[root]:
            self.bytes -= self.sizes[root]

    def step(self, layer: Layer) -> int:
        """Add the gradients of a layer's inputs; return the bytes that are needed temporarily."""
        name = layer.node.name
        extra = 0
        for source in dict.fromkeys(layer.node.inputs):
            if source not in self.flow.learns:
                continue
            smaller = math.prod(self.flow.shapes[source]) < math.prod(layer.output)
            if layer.node.op.merges and smaller and not layer.node.op.passes:
                extra += self.flow.bytes(name)  # computed in full, then summed over the axes of length 1
            shared = layer.node.op.passes or layer.node.op.memory == "view"
            root = self.held[name] if shared and source not in self.held else f"{name} to {source}"
            self.sizes.setdefault(root, self.flow.bytes(source))
            if source in self.held:
                extra += self.sizes[self.held[source]]  # the sum is a new tensor beside its two parts
            self.put(source, root)
        return extra
