"""A net as a graph in the language of Graphviz."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.core.op import spelled
from convscope.core.shape import to_text
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

HEAD = """\
digraph net {
  graph [rankdir=TB, nodesep=0.25, ranksep=0.3, fontname="Helvetica", fontsize=10, color="#b0b0b0", style=rounded];
  node [shape=box, style="rounded,filled", fillcolor="#f5f5f5", color="#606060", penwidth=0.6, \
fontname="Helvetica", fontsize=10, margin="0.12,0.05", height=0.3];
  edge [penwidth=0.6, arrowsize=0.5, color="#606060", fontname="Helvetica", fontsize=8];"""


def write_dot(net: Net) -> str:
    r"""Return a directed graph with a box for each layer, its op and the shape of its output.

    Layers whose names share a prefix, as in ``layer1.0.conv1``, are in a frame of that name.

    >>> import convscope as cs
    >>> print(write_dot(cs.read("input 8x8x1, conv 4 3x3 relu")).split("\n", 5)[-1].strip())
    "conv1" [label="conv 4 3x3\n6x6x4"];
      "relu1" [label="relu\n6x6x4"];
      "input" -> "conv1";
      "conv1" -> "relu1";
    }
    """
    root = _Frame("")
    for layer in net:
        root.add(layer.node.name.split("."), layer)
    lines = [HEAD, *(_end(one.name, one.name, one.shape) for one in net.inputs)]
    edges = [f"  {_quoted(source)} -> {_quoted(layer.node.name)};" for layer in net for source in layer.node.inputs]
    if len(net.outputs) > 1:
        for at, one in enumerate(net.outputs):
            lines.append(_end(f"output {at}", one.name, net.shape(one.node)))
            edges.append(f"  {_quoted(one.node)} -> {_quoted(f'output {at}')};")
    return "\n".join([*lines, *root.lines("", 1), *edges, "}"]) + "\n"


def _end(node: str, name: str, shape: Shape) -> str:
    return f"  {_quoted(node)} [label={_quoted(name, to_text(shape))}, fillcolor=white];"


@dataclass
class _Frame:
    """Nested frames of layers."""

    name: str
    inside: dict[str, _Frame | Layer] = field(default_factory=dict)

    def add(self, parts: list[str], layer: Layer) -> None:
        first, *rest = parts
        if not rest:
            self.inside[f"{first}:"] = layer  # a frame may have the same name
            return
        frame = self.inside.setdefault(first, _Frame(first))
        assert isinstance(frame, _Frame), "a layer's key ends in a colon"
        frame.add(rest, layer)

    def lines(self, path: str, depth: int) -> Iterator[str]:
        pad = "  " * depth
        for entry in self.inside.values():
            if not isinstance(entry, _Frame):
                label = _quoted(spelled(entry.node.op), to_text(entry.output))
                yield f"{pad}{_quoted(entry.node.name)} [label={label}];"
                continue
            here = f"{path}.{entry.name}".strip(".")
            yield f"{pad}subgraph {_quoted(f'cluster_{here}')} {{"
            yield f"{pad}  label={_quoted(entry.name)};"
            yield from entry.lines(here, depth + 1)
            yield f"{pad}}}"


def _quoted(*lines: str) -> str:
    """Quote lines of text."""
    escaped = (inert(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
