"""Comparison of two nets: their layers aligned, with the changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from convscope.analyze.align import aligned
from convscope.analyze.cost import Total
from convscope.analyze.memory import memory
from convscope.analyze.stages import Stage, StagePair, differ, together
from convscope.analyze.stages import stages as stages_of
from convscope.analyze.table import LayerTable, Row, layer_table
from convscope.budget import question
from convscope.core.shape import joined, to_text
from convscope.core.source import net_of
from convscope.errors import FieldError
from convscope.view.numbers import bytes_text
from convscope.view.parts import Column, Grid, Stack

SCHEMA = "convscope/compare/3"

BY = ("layers", "stages")
"""Ways to align two nets."""

TITLES = {"params": "params", "macs": "MACs", "activation_bytes": "activations", "peak_bytes": "peak memory"}
"""What the totals are called."""

NAME = 60
"""The most characters of a layer's name and op in a terminal."""

Pair = tuple[Row | None, Row | None]
"""A layer of the first net and one of the second; None if it has no partner."""


@dataclass(frozen=True)
class Comparison:
    """The result of :func:`compare`; prints itself.

    Attributes:
        first: table of the first net.
        second: table of the second net.
        pairs: layers aligned by their ops.
        stages: stages of both nets, aligned by the sizes of their maps and by their channels.
        peaks: peak of activations of both nets in inference, float32, one sample [byte].
        by: how they are shown: by ``layers``, or by ``stages`` if the nets are different designs.
    """

    first: LayerTable
    second: LayerTable
    pairs: tuple[Pair, ...]
    stages: tuple[StagePair, ...]
    peaks: tuple[int, int]
    by: str = "layers"

    def totals(self) -> dict[str, tuple[Total, Total]]:
        """Params, MACs, activation bytes and peak memory of both nets; lower bounds if parts are unknown."""
        sizes = (self.first.activation_bytes, self.second.activation_bytes)
        return {
            "params": (self.first.params, self.second.params),
            "macs": (self.first.macs, self.second.macs),
            "activation_bytes": (Total(sizes[0]), Total(sizes[1])),
            "peak_bytes": (Total(self.peaks[0]), Total(self.peaks[1])),
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/compare/3``."""
        first = self.first.to_json()["rows"]
        second = self.second.to_json()["rows"]
        known = {row["name"]: row for row in first}, {row["name"]: row for row in second}
        return {
            "schema": SCHEMA,
            "rows": [
                {"a": a and known[0][a.name], "b": b and known[1][b.name], "change": _mark(a, b)} for a, b in self.pairs
            ],
            "by": self.by,
            "stages": [{"a": a and a.to_json(), "b": b and b.to_json()} for a, b in self.stages],
            "total": {name: _total_json(a, b) for name, (a, b) in self.totals().items()},
        }

    def grid(self) -> Grid:
        """Return the layers or stages side by side as a figure part."""
        if self.by == "stages":
            columns = (Column(""), Column("A"), Column("B"), *map(Column, ("params", "MACs", "RF")))
            return Grid(columns, tuple(_stage_cells(*one) for one in self.stages))
        numbers = (Column("params", right=True), Column("MACs", right=True))
        layers = (Column(side, widest=NAME) for side in "AB")
        columns = (Column(""), *layers, Column("output"), *numbers, Column("RF"))
        return Grid(columns, tuple(_cells(a, b) for a, b in self.pairs))

    def to_html(self) -> str:
        """A fragment of a page, without script; user text is escaped."""
        return self.grid().to_html("\n".join(self._told(0)))

    def _told(self, width: int = 12) -> list[str]:
        """Return a line for each total, with names padded to a width."""
        return [f"{TITLES[name]:<{width}} {_totals(name, a, b)}" for name, (a, b) in self.totals().items()]

    def stack(self) -> Stack:
        """Return the totals, and the layers or stages side by side."""
        alike = "by stages, since few of their layers are equal" if self.by == "stages" else ""
        return Stack((*self._told(), "", *filter(None, [alike]), self.grid()))

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__
    _repr_html_ = to_html


def compare(
    first: object,
    second: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    by: str | None = None,
) -> Comparison:
    """Align two nets layer by layer, or stage by stage if they are different designs.

    Args:
        first: a net, or what :func:`convscope.read` takes.
        second: likewise.
        input: size of the input of both nets, if they do not state it.
        by: ``layers`` or ``stages``; by default stages if few layers of long nets are equal.

    Raises:
        FieldError: ``by`` is neither.

    >>> found = compare("input 9x9x1, conv 4 5x5 relu", "input 9x9x1, conv 4 3x3, conv 4 3x3 relu")
    >>> [total.value for total in found.totals()["params"]]
    [104, 188]
    """
    if by not in {None, *BY}:
        raise FieldError(f"by={by!r:.40}", expected=f"one of {', '.join(BY)}")
    old, new = net_of(first, input), net_of(second, input)
    with question(layers=len(old) + len(new)):
        a, b = layer_table(old), layer_table(new)
        peaks = memory(old).peak.bytes, memory(new).peak.bytes
        pairs = tuple(_aligned(a.rows, b.rows))
        parts = together(stages_of(old, a.rows), stages_of(new, b.rows))
        shared = sum(bool(one and other and one.macs and one.op == other.op) for one, other in pairs)
        chosen = by or ("stages" if differ(a.rows, b.rows, shared) else "layers")
        return Comparison(a, b, pairs, parts, peaks, chosen)


def _aligned(first: tuple[Row, ...], second: tuple[Row, ...]) -> list[Pair]:
    """Align equal ops; pair the layers between them in order if their ops are of one kind."""
    pairs: list[Pair] = []
    for a0, a1, b0, b1 in aligned([row.op for row in first], [row.op for row in second]):
        for a, b in zip_longest(first[a0:a1], second[b0:b1]):
            alike = a and b and a.op.split()[0] == b.op.split()[0]
            pairs += [(a, b)] if alike or not (a and b) else [(a, None), (None, b)]
    return pairs


def _mark(a: Row | None, b: Row | None) -> str:
    if a is None:
        return "added"
    if b is None:
        return "removed"
    same = (a.op, a.out, a.params, a.macs) == (b.op, b.out, b.params, b.macs)
    return "" if same and a.field == b.field else "changed"


def _cells(a: Row | None, b: Row | None) -> tuple[str, ...]:
    sign = {"added": "+", "removed": "-", "changed": "~", "": ""}[_mark(a, b)]
    (out_a, field_a), (out_b, field_b) = map(_texts, (a, b))
    return (
        sign,
        f"{a.name}: {a.op}" if a else "",
        f"{b.name}: {b.op}" if b else "",
        _change(out_a, out_b),
        _delta(a.params if a else 0, b.params if b else 0),
        _delta(a.macs if a else 0, b.macs if b else 0),
        _change(field_a, field_b),
    )


def _stage_cells(a: Stage | None, b: Stage | None) -> tuple[str, ...]:
    sign = "+" if a is None else "-" if b is None else ""
    texts = [_stage_texts(one) for one in (a, b)]
    return (sign, texts[0][0], texts[1][0], *map(_change, texts[0][1:], texts[1][1:]))


def _stage_texts(stage: Stage | None) -> tuple[str, str, str, str]:
    if stage is None:
        return "", "", "", ""
    size = joined((*stage.size, stage.channels)) if stage.stride else f"head, {stage.channels}"
    layers = f"{size}: {stage.layers} layer{'' if stage.layers == 1 else 's'}"
    params, macs = (f"{'' if one.exact else '≥ '}{one.value:,}" for one in (stage.params, stage.macs))
    return layers, params, macs, joined(stage.field)


def _texts(row: Row | None) -> tuple[str, str]:
    return (to_text(row.out), joined(axis.size for axis in row.field)) if row else ("", "")


def _change(a: str, b: str) -> str:
    return a if a == b else f"{a or '-'} → {b or '-'}"


def _delta(a: int | None, b: int | None) -> str:
    if a is None or b is None:
        return "unknown"
    return f"{b - a:+,}" if a != b else "="


def _total_json(a: Total, b: Total) -> dict[str, Any]:
    exact = a.exact and b.exact
    delta = b.value - a.value if exact else None
    return {"a": a.value, "b": b.value, "delta": delta, "missing": [*a.missing, *b.missing]}


def _totals(name: str, a: Total, b: Total) -> str:
    texts = (f"{'' if total.exact else '≥ '}{_amount(name, total.value)}" for total in (a, b))
    return " → ".join(texts) + (_percent(a.value, b.value) if a.exact and b.exact else "")


def _amount(name: str, value: int) -> str:
    return bytes_text(value) if name.endswith("bytes") else f"{value:,}"


def _percent(a: int, b: int) -> str:
    return "" if a == b or not a else f"  ({100 * (b / a - 1):+.1f} %)"
