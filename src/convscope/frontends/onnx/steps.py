"""Operations of a model as plain values, with the part of the net that each belongs to."""

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
"""Classes of attributes that say what they say wherever the operation is."""

LAYER, PART = 60, 10
"""Steps for an operation, or a tensor, that becomes a layer, and for one that is only read by a layer."""

OWN_DOMAINS = {"", "ai.onnx"}
"""Names of the domain of ONNX's own operators."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The attribute of a function that the position where it is called gives."""

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One operation.

    Attributes:
        op: its operator.
        domain: of the operator; empty for ONNX's own.
        overload: tells functions of one name apart.
        name: as in the file.
        inputs: names of tensors; empty ones are left out.
        outputs: names of tensors.
        attrs: by name.
        path: the part of the net, ``layer1.0.conv1``.
        whole: the part is one layer, that needs no further name.
        plain: its attributes are numbers and words: no graphs, tensors, or attributes of a function around it.
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
    """The value of an attribute: a number, text, a list of them, a tensor, a graph.

    Raises:
        ModelError: it is of a kind that no operator here has.
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
"""By the number of an attribute's kind in onnx.proto, the field that holds it."""


def steps(nodes: Iterable[NodeProto]) -> list[Step]:
    """The operations of a graph or of a function, each after those that it reads, with its part of the net.

    Raises:
        ModelError: some of them read each other in a circle.
    """
    found = in_order([_step(node) for node in nodes])
    paths = sorted({f"{one.path}." for one in found if one.path})
    return [one if one.whole or not _lone(one, paths) else replace(one, whole=True) for one in found]


def _lone(step: Step, paths: Sequence[str]) -> bool:
    """An operation of a part of the net that has no parts itself; of sorted paths, those of its parts come next."""
    if not step.path or not step.name.startswith("/"):
        return False
    path = f"{step.path}."
    after = bisect_right(paths, path)
    return after == len(paths) or not paths[after].startswith(path)


def _step(node: NodeProto) -> Step:
    if not isinstance(node.op_type, str):  # protobuf gives bytes that are not UTF-8 as they are
        raise ModelError(f"the name of an operator is not valid text: {node.op_type!r:.80}")
    domain = "" if node.domain in OWN_DOMAINS else node.domain
    attrs = {one.name: attribute(one) for one in node.attribute}
    plain = not attrs or all(type(value) in PLAIN for value in attrs.values())
    path, whole = position(node)
    names = tuple(node.input), tuple(node.output)
    return Step(node.op_type, domain, node.overload, node.name, *names, attrs, path, whole, plain)
