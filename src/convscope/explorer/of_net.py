"""The part of the document about a net, out of its table, its memory and its layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from convscope.analyze.memory import alive_at, memory
from convscope.checks.finding import Facts
from convscope.checks.registry import CHECKS
from convscope.diagram.graph import module_of, names_of, sources_of
from convscope.diagram.layout import layout
from convscope.explorer import document_net as to
from convscope.explorer.document import Finding
from convscope.explorer.reads import Reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from convscope.analyze.field import AxisField, Field
    from convscope.analyze.memory import Memory
    from convscope.analyze.table import LayerTable, Row
    from convscope.core.graph import Origin
    from convscope.core.net import Layer, Net
    from convscope.core.op import Op, Weight

    Held = Callable[[str], tuple[str | None, str]]


@dataclass
class Parts:
    """Makes the parts of a net; what is equal is made once.

    Attributes:
        net: the net.
        table: its table.
        held: returns the key of a tensor's blob, by ``layer.tensor``, and the dtype in it.
        memory: its memory in inference.
        reads: the distinct reads so far.
    """

    net: Net
    table: LayerTable
    held: Held
    memory: Memory = field(init=False)
    reads: Reads = field(default_factory=Reads)
    fields: dict[int, tuple[to.AxisField, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory = memory(self.net)

    def whole(self) -> to.Net:
        """Return the net."""
        net, table = self.net, self.table
        layers = tuple(map(self.layer, net, table.rows, (moment.bytes for moment in self.memory.timeline)))
        places, arcs = _placed(net)
        return to.Net(
            inputs=tuple(to.Input(name=one.name, shape=one.shape, kind=one.kind) for one in net.inputs),  # type: ignore[arg-type] # one of KINDS
            of=table.of,
            outputs=tuple(to.Output(name=one.name, layer=one.node) for one in net.outputs),
            layers=layers,
            reads=tuple(self.reads.found),
            totals=_totals(table),
            peak=self.peak(),
            places=places,
            arcs=arcs,
            notes=net.notes,
        )

    def peak(self) -> to.Peak:
        """Return the peak of memory, with the tensors that are alive then."""
        peak = self.memory.peak
        return to.Peak(bytes=peak.bytes, layer=peak.node, live=alive_at(self.net, peak))

    def layer(self, layer: Layer, row: Row, live: int) -> to.Layer:
        """Return a layer, with its row of the table and the bytes that are alive while it runs."""
        node = layer.node
        return to.Layer(
            name=node.name,
            op=node.op.keyword,
            text=row.op,
            settings=settings(node.op),
            inputs=node.inputs,
            out=layer.output,
            params=row.params,
            macs=row.macs,
            bytes=row.activation_bytes,
            live=live,
            rf=self.field(row.field),
            gated=None if row.gated == row.field else self.field(row.gated),
            reads=tuple(map(self.reads.add, layer.reads)),
            statistics=self.reads.add(layer.statistics),
            hull=node.op.hull(),  # type: ignore[arg-type] # one of the words of Op.hull
            pointwise=layer.pointwise,
            weights=self.weights(layer),
            shared=node.own.weights == () and bool(node.op.weights(layer.inputs)),
            origin=_written(node.origin),
        )

    def field(self, found: Field) -> tuple[to.AxisField, ...]:
        """Return a receptive field; the rows hold equal ones as one object."""
        if id(found) not in self.fields:
            self.fields[id(found)] = tuple(map(_axis_field, found))
        return self.fields[id(found)]

    def weights(self, layer: Layer) -> tuple[to.Weight, ...] | None:
        """Return the tensors that a layer computes with."""
        stated = layer.node.op.weights(layer.inputs)
        if stated is None:
            return None
        known = {weight.name: weight for weight in layer.weights or ()}
        return tuple(self.weight(layer.node.name, known.get(one.name, one)) for one in stated)

    def weight(self, layer: str, weight: Weight) -> to.Weight:
        """Return a tensor of a layer."""
        blob, stored = self.held(f"{layer}.{weight.name}")
        return to.Weight(
            name=weight.name,
            shape=weight.shape,
            dtype=weight.dtype,
            trained=weight.trained,
            frozen=weight.frozen,
            blob=blob,
            stored=stored,  # type: ignore[arg-type] # float16 or float32
        )


@lru_cache(maxsize=4096)  # blocks repeat, and so do nets
def settings(op: Op) -> dict[str, Any]:
    """Return the fields of an op.

    >>> from convscope.ops.conv import Conv
    >>> settings(Conv(8, (3, 3), pad=((1, 1), (1, 1))))["pad"]
    ((1, 1), (1, 1))
    """
    return {one.name: getattr(op, one.name) for one in op.declared}


def _pair(value: Fraction | None) -> tuple[int, int] | None:
    return None if value is None else (value.numerator, value.denominator)


def _axis_field(found: AxisField) -> to.AxisField:
    return to.AxisField(
        size=found.size,
        local=found.local,
        stride=_pair(found.stride),
        start=found.start,
        centre=_pair(found.centre),
        phases=found.boxes if found.phases > 1 else None,
        exact=found.exact,
        seams=found.seams,
    )


def _written(origin: Origin | None) -> to.Written | None:
    return None if origin is None else to.Written(line=origin.line, column=origin.column, words=origin.words)


def _totals(table: LayerTable) -> to.Totals:
    return to.Totals(
        params=table.params.value,
        frozen=table.frozen,
        macs=table.macs.value,
        bytes=table.activation_bytes,
        exact=table.params.exact and table.macs.exact,
        missing=tuple(sorted({*table.params.missing, *table.macs.missing})),
    )


def _placed(net: Net) -> tuple[tuple[to.Place, ...], tuple[to.Arc, ...]]:
    """Return where inputs and layers are drawn, and the edges beside them."""
    names, found = names_of(net), layout(sources_of(net))
    rows = zip(names, found.columns, found.lanes, strict=True)
    places = tuple(
        to.Place(layer=name, column=at, lane=lane, module=".".join(module_of(name))) for name, at, lane in rows
    )
    arcs = (
        to.Arc(source=names[one.source], targets=tuple(names[at] for at in one.targets), lane=one.lane)
        for one in found.arcs
    )
    return places, tuple(arcs)


def findings(net: Net, table: LayerTable) -> tuple[Finding, ...]:
    """Return the findings of all checks, errors first."""
    facts = Facts.of(net, table=table)
    found = [one for check in CHECKS.values() for one in check.check(facts)]
    order = ("error", "warning", "note")
    return tuple(
        Finding(
            code=one.code, layer=one.node or None, level=one.level, what=one.what, why=one.why, do=one.do,
            change=one.change,
        )
        for one in sorted(found, key=lambda one: order.index(one.level))
    )  # fmt: skip
