"""The input and the result of a check."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from convscope.analyze.memory import Memory, dtype_of, memory
from convscope.analyze.table import LayerTable, Row, layer_table
from convscope.inert import inert

if TYPE_CHECKING:
    from convscope.core.graph import Origin
    from convscope.core.net import Layer, Net

ERROR, WARNING, NOTE = LEVELS = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One finding of a check.

    Attributes:
        code: code of the check.
        node: the layer; empty if it is about the entire net.
        what: the fact, with numbers.
        why: why it matters.
        do: what to do.
        change: the effect of doing so, in numbers.
        level: ``error`` and ``warning`` fail a gate, ``note`` does not.
        origin: where the layer is written.
    """

    code: str
    node: str
    what: str
    why: str
    do: str
    change: str = ""
    level: str = WARNING
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        keys = ("code", "level", "node", "what", "why", "do", "change")
        return {key: getattr(self, key) for key in keys}

    def __str__(self) -> str:
        where = f"{self.node}: " if self.node else ""
        lines = [f"{self.code} {self.level}: {where}{self.what}", f"  why      {self.why}", f"  do       {self.do}"]
        lines += [f"  change   {self.change}"] if self.change else []
        return "\n".join(map(inert, lines))


@dataclass(frozen=True)
class Facts:
    """The facts that the checks use, computed once.

    Attributes:
        net: the net.
        table: its table.
        rows: rows of the table, by name.
        layers: layers of the net, by name.
        readers: for each layer, the layers that read it.
        object_size: height and width of the objects that a unit must cover, if known.
        dtype: the dtype in which bytes are counted.
    """

    net: Net
    table: LayerTable
    rows: dict[str, Row]
    layers: dict[str, Layer]
    readers: dict[str, tuple[Layer, ...]]
    object_size: tuple[int, ...] | None
    dtype: str = "float32"

    @classmethod
    def of(
        cls,
        net: Net,
        object_size: tuple[int, ...] | None = None,
        dtype: str = "float32",
        *,
        table: LayerTable | None = None,
    ) -> Facts:
        """Compute the facts of a net, from its table if that is known already."""
        table = table or layer_table(net)
        layers = {layer.node.name: layer for layer in net}
        readers: dict[str, list[Layer]] = {name: [] for name in layers}
        for layer in net:
            for name in layer.node.inputs:
                readers.get(name, []).append(layer)
        return cls(
            net=net,
            table=table,
            rows={row.name: row for row in table.rows},
            layers=layers,
            readers={name: tuple(found) for name, found in readers.items()},
            object_size=object_size,
            dtype=dtype_of(dtype),
        )

    @cached_property
    def memory(self) -> Memory:
        """The memory that the net needs in inference of one sample."""
        return memory(self.net, dtype=self.dtype)

    @property
    def placed(self) -> Row | None:
        """The last layer whose units keep their position along every axis of the image."""
        rows = (row for row in reversed(self.table.rows) if row.field)
        return next((row for row in rows if all(axis.stride is not None for axis in row.field)), None)

    def source(self, layer: Layer) -> Layer | None:
        """Return the layer behind an input, skipping pointwise layers; None if that is the image."""
        found = self.layers.get(layer.node.inputs[0])
        while found and found.pointwise:
            found = self.layers.get(found.node.inputs[0])
        return found

    def finding(self, code: str, layer: Layer, what: str, **texts: str) -> Finding:
        """Make a finding about a layer."""
        return Finding(code, layer.node.name, what, origin=layer.node.origin, **texts)
