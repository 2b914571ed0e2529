"""The part of the document about a net."""

from __future__ import annotations

from typing import Literal

from convscope.explorer.document_reads import Read  # noqa: TC001 -- msgspec needs it at run time
from convscope.explorer.struct import Struct


class Input(Struct, frozen=True):
    """An input tensor of the net.

    Attributes:
        name: name by which layers refer to it.
        shape: ``c h w``.
        kind: kind of its values.
    """

    name: str
    shape: tuple[int, ...]
    kind: Literal["float", "int", "bool"]


class Output(Struct, frozen=True):
    """An output tensor of the net.

    Attributes:
        name: its name.
        layer: the layer or input that is returned.
    """

    name: str
    layer: str


class Written(Struct, frozen=True):
    """Where a layer is written in the user's text.

    Attributes:
        line: line number, from 1.
        column: column number, from 1.
        words: the text at this position.
    """

    line: int
    column: int
    words: str


class AxisField(Struct, frozen=True):
    """The receptive field along one axis of the input.

    Attributes:
        size: pixels from the first to the last, including padding; the largest over the phases. 0: nothing is seen.
        local: units of the layer before that one unit reads; null if its units do not lie along this axis.
        stride: pixels between the fields of neighbours, as numerator and denominator; null without a steady advance.
        start: first pixel of unit 0, negative on padding; null if units have no order along this axis.
        centre: middle of the field of unit 0, as numerator and denominator; null likewise.
        phases: first and last pixel of units 0, 1, … of one period, after which the boxes repeat further on by the
            stride times the period; null if every unit has the size ``size`` (period 1).
        exact: false if ``size`` is an upper bound, or exact in the interior only.
        seams: whether it is exact in the interior only.
    """

    size: int
    local: int | None
    stride: tuple[int, int] | None
    start: int | None
    centre: tuple[int, int] | None
    phases: tuple[tuple[int, int], ...] | None
    exact: bool
    seams: bool


class Weight(Struct, frozen=True):
    """A tensor of a layer.

    Attributes:
        name: as in the lowered module, such as ``weight``.
        shape: output channels first; of a transposed convolution, input channels first.
        dtype: dtype in which the source stores it.
        trained: whether it counts as a parameter; false for running statistics.
        frozen: whether it is a parameter that is not trained.
        blob: key of its values in the blobs, little-endian and contiguous; null if they are not in the document.
        stored: dtype of the values in the blob.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    trained: bool
    frozen: bool
    blob: str | None
    stored: Literal["float16", "float32"]


Setting = bool | int | float | str | tuple[int | tuple[int, int], ...]
"""The value of a setting of an op; padding has a pair for each axis."""


class Layer(Struct, frozen=True):
    """A layer at its shapes.

    Attributes:
        name: unique in the net.
        op: keyword of its op in the notation.
        text: the op as written in the notation, without settings at their defaults.
        settings: the fields of the op, fitted to the input: one entry for each spatial axis.
        inputs: names of layers or inputs of the net.
        out: shape of the output.
        params: number of parameters; null if unknown.
        macs: multiply-adds for one sample; null if unknown.
        bytes: size of the output, float32, one sample.
        live: live activations while the layer runs in inference, float32, one sample.
        rf: receptive field along the spatial paths, one entry for each spatial axis of the input.
        gated: the field with gates; null if equal.
        reads: for each input, for each of its axes, an index into the reads of the net.
        statistics: further reads of the first input, by statistics that scale all units alike; empty for most ops.
        hull: how far the reads exceed what is read; empty if they are exact.
        pointwise: whether each output index reads exactly the same index of a single input.
        weights: the tensors that it computes with; null if unknown.
        shared: whether its weights are counted at another layer, which uses them first.
        origin: where it is written; null if it was not read from text.
    """

    name: str
    op: str
    text: str
    settings: dict[str, Setting]
    inputs: tuple[str, ...]
    out: tuple[int, ...]
    params: int | None
    macs: int | None
    bytes: int
    live: int
    rf: tuple[AxisField, ...]
    gated: tuple[AxisField, ...] | None
    reads: tuple[tuple[int, ...], ...]
    statistics: tuple[int, ...]
    hull: Literal["", "channels", "positions", "unknown"]
    pointwise: bool
    weights: tuple[Weight, ...] | None
    shared: bool
    origin: Written | None


class Place(Struct, frozen=True):
    """The place of an input or a layer in the drawing.

    Attributes:
        layer: its name.
        column: from the left; an input of the net is in column 0, a layer at least one to the right of what it reads.
        lane: 0 for the longest path, 1, 2, … for paths above it, -1, -2, … for paths below.
        module: the path of the module that it is in, parts separated by dots; empty at the top.
    """

    layer: str
    column: int
    lane: int
    module: str


class Arc(Struct, frozen=True):
    """An edge, or several from one source, that pass columns beside the layers there: shortcuts, skips.

    Attributes:
        source: the input or layer that is read.
        targets: the layers that read it, in order.
        lane: the lane along which it passes, at least 1.
    """

    source: str
    targets: tuple[str, ...]
    lane: int


class Totals(Struct, frozen=True):
    """Sums over all layers; lower bounds if a part is unknown.

    Attributes:
        params: parameters, those that no layer reads included.
        frozen: those of them that are not trained, as far as known.
        macs: multiply-adds for one sample.
        bytes: size of all outputs, float32, one sample.
        exact: whether nothing is missing in the parameters and multiply-adds.
        missing: names of the layers whose part is unknown.
    """

    params: int
    frozen: int
    macs: int
    bytes: int
    exact: bool
    missing: tuple[str, ...]


class Peak(Struct, frozen=True):
    """The moment of inference with the most live activations, float32, one sample.

    Attributes:
        bytes: their size.
        layer: the layer that runs.
        live: names of the inputs and layers whose tensors are alive.
    """

    bytes: int
    layer: str
    live: tuple[str, ...]


class Net(Struct, frozen=True):
    """A net at its input shapes.

    Attributes:
        inputs: its inputs, in order; at least one.
        of: name of the input on whose pixels the receptive fields are measured.
        outputs: its outputs, in order; at least one.
        layers: in topological order.
        reads: each distinct read once.
        totals: sums over the layers.
        peak: the peak of memory.
        places: where the inputs and the layers are drawn, in this order.
        arcs: edges that are drawn beside the layers; every other edge joins neighbours, or follows the lane of one.
        notes: further facts about the source, one sentence each.
    """

    inputs: tuple[Input, ...]
    of: str
    outputs: tuple[Output, ...]
    layers: tuple[Layer, ...]
    reads: tuple[Read, ...]
    totals: Totals
    peak: Peak
    places: tuple[Place, ...]
    arcs: tuple[Arc, ...]
    notes: tuple[str, ...]
