"""What holds around the operations of a model: versions of the operators, functions, what guards the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.build.builder import MAX_LAYERS
from convscope.frontends.onnx.steps import OWN_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import FunctionProto, NodeProto

OLDEST = 7
"""The first version of the operators that is read."""

DEPTH = 16
"""Functions and branches inside of each other."""


@dataclass(frozen=True)
class Frame:
    """What holds inside of a function or a branch.

    Attributes:
        versions: of the operators, by domain.
        attrs: of the call.
        path: the part of the net.
        depth: functions and branches around it.
        caller: name of the operation of the file that calls the function; empty outside of one.
        defined: the function is ONNX's own definition of an operator.
    """

    versions: Mapping[str, int]
    attrs: Mapping[str, Any]
    path: str
    depth: int
    caller: str = ""
    defined: bool = False

    def deeper(self) -> Frame:
        """The same, one level further in.

        Raises:
            ModelError: it is too deep.
        """
        if self.depth >= DEPTH:
            raise ModelError(f"functions or branches are nested more than {DEPTH} deep", expected="no circles")
        return replace(self, depth=self.depth + 1)


@dataclass(frozen=True)
class Guarded:
    """The weights of a net; what goes wrong with them is the fault of the file."""

    path: Path
    load: Callable[[], dict[str, NDArray[Any]]] | None

    def __call__(self) -> dict[str, NDArray[Any]]:
        """Load them.

        Raises:
            ModelError: they are not what the model says.
        """
        assert self.load is not None
        try:
            return self.load()
        except ModelError as error:
            raise error.add(subject=str(self.path)) from None
        except Exception as error:
            raise ModelError(f"the weights in {self.path} cannot be worked out: {error!s:.200}") from error


Key = tuple[str, str, str]
"""Domain, name and overload of a function."""


def expanded(nodes: Iterable[NodeProto], functions: Mapping[Key, FunctionProto]) -> int:
    """How many operations some are, with functions put in the place of their calls.

    Raises:
        ModelError: they are too many, or calls are nested too deep, as those in a circle are.
    """
    known: dict[Key, int] = {}

    def count(inner: Iterable[NodeProto], depth: int) -> int:
        if depth > 2 * DEPTH:
            raise ModelError(f"functions or branches are nested more than {DEPTH} deep", expected="no circles")
        total = 0
        for node in inner:
            key = domain(node.domain), node.op_type, node.overload
            if key in functions and key not in known:
                known[key] = count(functions[key].node, depth + 1)
            total += known.get(key, 1) + sum(
                count(one.g.node, depth + 1) for one in node.attribute if one.HasField("g")
            )
        return total

    total = count(nodes, 0)
    if total > MAX_LAYERS:
        raise ModelError(f"it has more than {MAX_LAYERS} operations")
    return total


def domain(name: str) -> str:
    """The name of a domain; ONNX's own has two.

    >>> domain("ai.onnx"), domain("com.example")
    ('', 'com.example')
    """
    return "" if name in OWN_DOMAINS else name


def imported(imports: Any) -> dict[str, int]:
    """The version of the operators of each domain, as a function states it."""
    return {domain(one.domain): one.version for one in imports}


def versions(imports: Any) -> dict[str, int]:
    """The version of the operators of each domain.

    Raises:
        ModelError: ONNX's own are of none, or of one that is not known.
    """
    from onnx.defs import onnx_opset_version

    found = imported(imports)
    newest = onnx_opset_version()
    if "" not in found:
        raise ModelError("it does not say which version of the operators it uses", expected="an opset_import")
    if not OLDEST <= found[""] <= newest:
        raise ModelError(
            f"it uses version {found['']} of the operators", expected=f"a version from {OLDEST} to {newest}"
        )
    return found
