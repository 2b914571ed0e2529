"""Operations of a model as plain values, with the part of the net to which each belongs."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.onnx.names import position, shown
from convscope.frontends.onnx.order import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnx import AttributeProto, NodeProto

PLAIN: set[type] = {int, float, str, list}
"""Types of attributes that are independent of the context."""

LAYER, PART = 60, 10
"""Steps for an operation or a tensor that becomes a layer, and for one that a layer only reads."""

OWN_DOMAINS = {"", "ai.onnx"}
"""Names of the domain of ONNX's own operators."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to an attribute of the enclosing function."""

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """An operation.

    Attributes:
        op: its operator.
        domain: domain of the operator; empty for ONNX's own.
        overload: distinguishes functions of one name.
        name: its name in the file.
        inputs: names of tensors; empty for missing inputs.
        outputs: names of tensors.
        attrs: by name.
        path: the part of the net, ``layer1.0.conv1``.
        whole: whether the part is one layer, which needs no further name.
        plain: whether its attributes are just numbers and strings, without graphs, tensors or references.
    """

    op: str
    domain: str
    overload: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: dict[str, Any]
    path: str = ""
    whole: bool = False
    plain: bool = False

    def __str__(self) -> str:
        name = f'"{shown(self.name)}"' if self.name else "without a name"
        return f"node {name} ({shown(f'{self.domain}.{self.op}' if self.domain else self.op)})"


def attribute(found: AttributeProto) -> Any:
    """Return the value of an attribute: a number, text, a list of these, a tensor, a graph.

    Raises:
        ModelError: its kind is not supported.
    """
    if found.ref_attr_name:
        return Ref(found.ref_attr_name)
    if found.type == 3:
        return found.s.decode("utf-8", "replace")
    if found.type == 8:
        return [text.decode("utf-8", "replace") for text in found.strings]
    if found.type in _FIELDS:
        return getattr(found, _FIELDS[found.type])
    if found.type in _LISTS:
        return list(getattr(found, _LISTS[found.type]))
    raise ModelError(f'the attribute "{shown(found.name)}" has an unknown type: {found.type}')


_FIELDS = {1: "f", 2: "i", 4: "t", 5: "g", 11: "sparse_tensor", 13: "tp"}
_LISTS = {6: "floats", 7: "ints", 9: "tensors", 10: "graphs", 12: "sparse_tensors", 14: "type_protos"}
"""The field with the value for each attribute type, by its number in onnx.proto."""


def steps(nodes: Iterable[NodeProto]) -> list[Step]:
    """Return the operations of a graph or a function in topological order, with their parts of the net.

    Raises:
        ModelError: there is a cycle.
    """
    found = in_order([_step(node) for node in nodes])
    paths = sorted({f"{one.path}." for one in found if one.path})
    return [one if one.whole or not _lone(one, paths) else replace(one, whole=True) for one in found]


def _lone(step: Step, paths: Sequence[str]) -> bool:
    """Return whether a part of the net has no inner parts, which would follow it among the sorted paths."""
    if not step.path or not step.name.startswith("/"):
        return False
    path = f"{step.path}."
    after = bisect_right(paths, path)
    return after == len(paths) or not paths[after].startswith(path)


def _step(node: NodeProto) -> Step:
    if not isinstance(node.op_type, str):  # protobuf returns bytes if they are not UTF-8
        raise ModelError(f"the name of an operator is not valid text: {node.op_type!r:.80}")
    domain = "" if node.domain in OWN_DOMAINS else node.domain
    attrs = {one.name: attribute(one) for one in node.attribute}
    plain = not attrs or all(type(value) in PLAIN for value in attrs.values())
    path, whole = position(node)
    names = tuple(node.input), tuple(node.output)
    return Step(node.op_type, domain, node.overload, node.name, *names, attrs, path, whole, plain)
