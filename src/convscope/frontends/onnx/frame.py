"""What holds around the operations of a model: versions of the operators, attributes of the function they are in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.onnx.steps import OWN_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convscope.frontends.onnx.graph import Scope
    from convscope.frontends.onnx.steps import Step

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
        defaults: of attributes that the call does not give.
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
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def attr(self, name: str) -> Any:
        """The attribute of a function; None where nobody gives it."""
        return self.attrs[name] if name in self.attrs else self.defaults.get(name)

    def deeper(self) -> Frame:
        """The same, one level further in.

        Raises:
            ModelError: it is too deep.
        """
        if self.depth >= DEPTH:
            raise ModelError(
                f"functions or branches are nested more than {DEPTH} deep", expected="calls that do not form a cycle"
            )
        return replace(self, depth=self.depth + 1)


@dataclass(frozen=True, slots=True)
class Here:
    """An operation, and what holds around it.

    Attributes:
        step: the operation.
        scope: tensors by name.
        used: names that anybody reads.
        frame: of the function or branch that it is in.
    """

    step: Step
    scope: Scope
    used: set[str]
    frame: Frame

    def wanted(self) -> list[int]:
        """Positions of the outputs that anybody reads."""
        return [at for at, name in enumerate(self.step.outputs) if name in self.used]


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
        raise ModelError("the model does not state the version of its operators", expected="an opset_import")
    if not OLDEST <= found[""] <= newest:
        raise ModelError(
            f"the model uses version {found['']} of the operators", expected=f"a version from {OLDEST} to {newest}"
        )
    return found
