"""The table of a net: one row for each layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as data
from typing import TYPE_CHECKING, Any, NamedTuple

from convscope.analyze import columns, cost, field, fold
from convscope.analyze.lines import image_of
from convscope.analyze.memory import activation_bytes
from convscope.analyze.reach import number
from convscope.budget import per_layer, spend
from convscope.core.graph import INPUT
from convscope.core.op import spelled
from convscope.core.order import sizes_in
from convscope.core.shape import to_text
from convscope.inert import in_markdown
from convscope.version import __version__
from convscope.view.parts import Column, Grid, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from convscope.analyze.cost import Total
    from convscope.analyze.field import Field
    from convscope.core.graph import Input, Output
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

SCHEMA = "convscope/table/1"

UNITS = {
    "macs": "multiply-add",
    "activation_bytes": "float32, batch 1",
    "rf": "input pixel",
    "stored_bytes": "weights as the source stores them, with buffers and scales",
}

FIELD = 40
"""Cost of the field of one layer on one more input [microsecond]."""


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes:
        name: name of the node.
        op: as written in the notation.
        out: output shape ``c h w``.
        params: number of parameters; None if unknown.
        frozen: number of frozen parameters among them; None if unknown.
        stored_bytes: size of the weights as stored in the source, with buffers and scales [byte]; None if unknown.
        macs: multiply-adds for one sample [MAC]; None if unknown.
        activation_bytes: size of the output, float32, one sample [byte].
        field: receptive field along the spatial paths, one entry for each spatial axis of the input.
        gated: the field with gates; equal to ``field`` if there are none.
        sources: names of the operations in the file from which the layer was read.
        fields: the field on each input by name, if the net has several; otherwise empty.
        layers: number of layers in a folded row; 0 in a table that is not folded.
        at_least: names of the costs of a folded row that are lower bounds, since a part is unknown.
    """

    name: str
    op: str
    out: Shape
    params: int | None
    frozen: int | None
    stored_bytes: int | None
    macs: int | None
    activation_bytes: int
    field: Field
    gated: Field
    sources: tuple[str, ...] = ()
    fields: Mapping[str, Field] = data(default_factory=dict)
    layers: int = 0
    at_least: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LayerTable:
    """The result of ``net.table()``; prints itself.

    Attributes:
        input: shape ``c h w`` of the input on which fields are measured.
        rows: one for each layer, in order.
        params: total number of parameters.
        frozen: number of frozen parameters, as far as known.
        stored_bytes: total size of the weights as stored in the source [byte].
        macs: total multiply-adds for one sample [MAC].
        activation_bytes: total size of all outputs [byte].
        float32: whether every parameter is stored in float32, which makes the stored bytes redundant.
        notes: further facts about the source, one sentence each.
        inputs: all inputs, in order.
        outputs: all outputs, in order, with the shape ``c h w`` of their layers.
        of: name of the input on which fields are measured.
        layers: number of layers of the net, independent of the rows; totals are always those of the entire net.
        shown: names of the requested columns of the text, if any.
    """

    input: Shape
    rows: tuple[Row, ...]
    params: Total
    frozen: int
    stored_bytes: Total
    macs: Total
    activation_bytes: int
    float32: bool = True
    notes: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[tuple[Output, Shape], ...] = ()
    of: str = INPUT
    layers: int = 0
    shown: tuple[str, ...] = ()

    def fold(self, depth: int = 1) -> LayerTable:
        """Fold layers into modules: layers whose names share ``depth`` parts between dots or slashes.

        Costs are sums; output and receptive field are those of the last layer.

        Raises:
            FieldError: ``depth`` is less than 1.

        >>> import convscope as cs
        >>> net = cs.read("input 9x9x1, a.x: conv 4 3x3, a.y: relu, b: conv 2 1x1")
        >>> [(row.name, row.params) for row in net.table().fold(1).rows]
        [('a', 40), ('b', 10)]
        """
        return fold.folded(self, depth)

    def sorted(self, key: str = "macs") -> LayerTable:
        """Sort rows by cost, largest first: ``params``, ``macs``, ``activations`` or ``stored``.

        Raises:
            UnknownNameError: rows have no such cost.
        """
        return fold.ordered(self, key)

    def top(self, count: int = 10) -> LayerTable:
        """Keep the first rows; the totals stay those of the entire net.

        Raises:
            FieldError: ``count`` is less than 1.
        """
        return fold.first(self, count)

    def select(self, *names: str) -> LayerTable:
        """Select columns of the text, such as ``name``, ``macs``, ``macs%`` and ``rf``, in that order.

        Raises:
            UnknownNameError: there is no such column.
        """
        return replace(self, shown=columns.check_names(names))

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/table/1``."""
        return {
            "schema": SCHEMA,
            "convscope": __version__,
            "units": UNITS,
            "input": to_text(self.input),
            **self._inputs_json(),
            **({"outputs": [_output_json(*one) for one in self.outputs]} if len(self.outputs) > 1 else {}),
            "rows": [_row_json(row) for row in self.rows],
            "total": {
                "params": self.params.value,
                "trained": self.params.value - self.frozen,
                "frozen": self.frozen,
                "macs": self.macs.value,
                "activation_bytes": self.activation_bytes,
                "stored_bytes": self.stored_bytes.value,
                "exact": self.params.exact and self.macs.exact,
                "missing": sorted({*self.params.missing, *self.macs.missing}),
            },
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    def _inputs_json(self) -> dict[str, Any]:
        """Return the shapes of several inputs, and the one on which the fields of the rows are measured."""
        several = {one.name: to_text(one.shape) for one in self.inputs}
        return {"inputs": several, "rf_of": self.of} if len(several) > 1 else {}

    def totals(self) -> dict[str, str]:
        """Return the totals as texts with their qualifications."""
        return columns.totals(self)

    def grid(self) -> Grid:
        """Return the table as a figure part, which draws itself as text, Markdown or CSV."""
        return columns.grid(self)

    def stack(self) -> Stack:
        """Return aligned columns and a line of totals."""
        return Stack((self.grid(), "", columns.below(self)))

    def to_text(self, width: int | None = None) -> str:
        """Return text for a terminal; columns are omitted until rows fit into ``width``, and a line names them."""
        return self.stack().to_text(width)

    def to_markdown(self) -> str:
        """Return a Markdown table."""
        below = "\n".join(map(in_markdown, columns.below(self).split("\n")))
        return f"{self.grid().to_markdown()}\n\n{below}"

    def to_csv(self) -> str:
        """Return comma-separated values, one line for each layer."""
        return _plain(self).to_csv()

    def to_html(self) -> str:
        """A fragment of a page, without script; user text is escaped."""
        return self.grid().to_html(columns.below(self))

    def to_netron(self, names: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return metrics for Netron; ``names`` gives the model's names of layers where they differ."""
        from convscope.analyze.netron import attachment  # the noun calls the verb

        return attachment(self, names)

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with a row for each layer and the columns of the JSON; per-axis values are tuples.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from convscope.analyze.frame import frame  # the noun calls the verb

        return frame(self)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__
    _repr_html_ = to_html


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "op": row.op,
        "out": to_text(row.out),
        "params": row.params,
        "macs": row.macs,
        "activation_bytes": row.activation_bytes,
        "rf_local": [axis.local for axis in row.field],
        "rf": [axis.size for axis in row.field],
        "stride": [number(axis.stride) for axis in row.field],
        "start": [axis.start for axis in row.field],
        "centre": [number(axis.centre) for axis in row.field],
        "phases": [[list(box) for box in axis.boxes] if axis.phases > 1 else None for axis in row.field],
        "exact": all(axis.exact for axis in row.field),
        "rf_with_gates": [axis.size for axis in row.gated],
        "frozen": row.frozen,
        "stored_bytes": row.stored_bytes,
        "seams": any(axis.seams for axis in row.field),
        **({"rf_of_inputs": _by_input(row)} if row.fields else {}),
        **({"layers": row.layers, "at_least": sorted(row.at_least)} if row.layers else {}),
    }


def _output_json(output: Output, shape: Shape) -> dict[str, Any]:
    return {
        "name": output.name,
        "layer": output.node,
        "path": list(output.path),
        "sizes": sizes_in(output.order, shape),
    }


def _by_input(row: Row) -> dict[str, Any]:
    """Return the field on each input; size 0 if the layer does not depend on it."""
    return {
        name: {"rf": [axis.size for axis in found], "exact": all(axis.exact for axis in found)}
        for name, found in row.fields.items()
    }


def _plain(table: LayerTable) -> Grid:
    """Return exact values for other programs: the keys of the JSON, per-axis values separated by blanks."""
    rows = [_row_json(row) for row in table.rows]
    keys = [key for key in (rows[0] if rows else {}) if key not in {"phases", "rf_of_inputs"}]
    cells = (tuple(_cell(row[key]) for key in keys) for row in rows)
    return Grid(tuple(map(Column, keys)), tuple(cells))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join("-" if entry is None else str(entry) for entry in value)
    return "" if value is None else str(value)


class _Costs(NamedTuple):
    """The part of a row that all layers with the same op at the same shape share.

    Attributes:
        shown: op, output, params, frozen, stored bytes, multiply-adds and activation bytes, as in :class:`Row`.
        float32: whether all parameters are stored in float32.
    """

    shown: tuple[str, Shape, int | None, int | None, int | None, int | None, int]
    float32: bool

    @classmethod
    def of(cls, layer: Layer) -> _Costs:
        """Compute it for one of these layers."""
        weights = layer.weights
        costs = cost.learned(weights), cost.locked(weights), cost.stored_bytes(weights), cost.macs(layer)
        shown = (spelled(layer.node.op), layer.output, *costs, activation_bytes(layer.output))
        return cls(shown, cost.in_float32(weights))


@per_layer
def layer_table(net: Net, *, of: str | None = None) -> LayerTable:
    """Compute shapes, parameters, multiply-adds, memory and receptive field of every layer of ``net``.

    Args:
        net: the net.
        of: name of the input whose pixels are counted; by default the first of those with the most spatial axes.

    Raises:
        UnknownNameError: there is no such input.
    """
    image = image_of(net, of)
    fields, gated = field.both_fields(net, of=image.name)
    spend(FIELD * len(net) * (len(net.inputs) - 1))
    several = {one.name: field.fields(net, of=one.name) for one in net.inputs} if len(net.inputs) > 1 else {}
    known: dict[tuple[int, int, int], _Costs] = {}

    def row(layer: Layer) -> Row:
        node = layer.node
        key = id(node.op), id(layer.reads), id(node.own)
        found = known.get(key)
        if found is None:  # blocks repeat; equal ops at equal shapes are one object once they are fitted
            found = known[key] = _Costs.of(layer)
        name = node.name
        by_input = {source: of_source[name] for source, of_source in several.items()} if several else {}
        return Row(name, *found.shown, fields[name], gated[name], node.sources, by_input)

    rows = tuple([row(layer) for layer in net])
    shapes = {one.name: one.shape for one in net.inputs} | {layer.node.name: layer.output for layer in net}
    return LayerTable(
        input=image.shape,
        rows=rows,
        params=cost.with_unused(net, cost.total((row.name, row.params) for row in rows)),
        frozen=sum([row.frozen or 0 for row in rows]) + cost.unused_frozen(net),
        stored_bytes=cost.stored_with_unused(net, cost.total((row.name, row.stored_bytes) for row in rows)),
        macs=cost.total((row.name, row.macs) for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
        float32=cost.in_float32(net.unused) and all(one.float32 for one in known.values()),
        notes=net.notes,
        inputs=net.inputs,
        outputs=tuple((one, shapes[one.node]) for one in net.outputs),
        of=image.name,
        layers=len(rows),
    )
