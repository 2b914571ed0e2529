"""Names: the part of the net to which an operation belongs, and names for messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnx import NodeProto

SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
"""Metadata keys in which torch records the paths and classes of enclosing modules."""

LONGEST, LONGEST_PATH = 4000, 300
"""The most characters of a name that are examined, and of a path."""

_QUOTED = re.compile(r"'([^']*)'")


def shown(name: object) -> str:
    r"""Return a name for a message, shortened and inert.

    >>> shown("conv\x1b[2J1")
    'conv\\x1b[2J1'
    """
    return inert(str(name)[:80])


def position(node: NodeProto) -> tuple[str, bool]:
    """Return the part of the net, and whether it is one layer, from torch's metadata or the name."""
    known = {entry.key: entry.value[:LONGEST] for entry in node.metadata_props} if len(node.metadata_props) else {}
    if SCOPES in known:
        path, whole = _from_properties(known)
        return path[:LONGEST_PATH], whole
    name = node.name[:LONGEST].strip("/")
    if node.name.startswith("/"):
        return module_path(name.split("/")[:-1])[:LONGEST_PATH], False
    plain = not name or _numbered(name.lower(), node.op_type[:LONGEST].lower())
    return ("", False) if plain else (name.replace("/", ".")[:LONGEST_PATH], True)


def _numbered(name: str, op: str) -> bool:
    """Return whether a name is just the operator and a number.

    >>> _numbered("node_conv_12", "conv"), _numbered("n3", "relu"), _numbered("conv1a", "conv")
    (True, True, False)
    """
    rests = [name.removeprefix(lead) for lead in ("", "node_", "n")]
    return any(not one.strip("_0123456789") for rest in rests for one in (rest, rest.removeprefix(op)))


def _from_properties(known: Mapping[str, str]) -> tuple[str, bool]:
    paths = _QUOTED.findall(known[SCOPES])
    classes = _QUOTED.findall(known.get(CLASSES, ""))
    path = paths[-2] if len(paths) > 1 else ""
    return path, bool(path) and len(classes) > 1 and classes[-2].startswith("torch.nn.modules.")


def module_path(parts: Iterable[str]) -> str:
    """Return the path of a module from the parts of a node's name, in which a child of a list repeats the list's name.

    >>> module_path(["layer1", "layer1.0", "downsample", "downsample.1"])
    'layer1.0.downsample.1'
    """
    found: list[str] = []
    for part in parts:
        if found and part.startswith(f"{found[-1]}."):
            found[-1] = part
        else:
            found.append(part)
    return ".".join(found)
