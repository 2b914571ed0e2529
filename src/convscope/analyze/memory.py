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

from convscope.analyze.cost import net_frozen, net_params
from convscope.analyze.flow import Flow, Moment
from convscope.budget import question
from convscope.core.source import net_of
from convscope.errors import FieldError
from convscope.inert import inert
from convscope.view.numbers import bytes_text
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from convscope.core.net import Net
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


def activation_bytes(shape: Shape, *, batch: int = 1, itemsize: int = FLOAT32) -> int:
    """Return the size of a tensor of activations [byte].

    >>> activation_bytes((16, 26, 26))
    43264
    """
    return math.prod(shape) * batch * itemsize


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
    flow = Flow(net, batch * size, batch)
    saved, peak = flow.training()
    return Memory(
        dtype=dtype,
        batch=batch,
        weights=stored * size,
        frozen=left * size,
        timeline=tuple(moment for moment, _ in flow.inference(in_place=in_place)),
        saved=saved,
        training_peak=peak,
        gradients=(learned.value - left) * size,
        optimizer=(learned.value - left) * size * OPTIMIZERS[optimizer],
        missing=learned.missing,
    )


def alive_at(net: Net, moment: Moment) -> tuple[str, ...]:
    """Return the inputs and layers whose tensors are alive at a moment of inference, in float32, in place.

    >>> import convscope as cs
    >>> net = cs.read("input 4x4x2, conv 8 1x1 relu, conv 2 1x1")
    >>> alive_at(net, memory(net).timeline[2])
    ('input', 'conv1', 'conv2')
    """
    steps = Flow(net, FLOAT32, 1).inference(in_place=True)
    return next(names() for one, names in steps if one.node == moment.node)
