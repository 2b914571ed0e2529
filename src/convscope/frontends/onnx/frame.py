"""The context of operations: operator versions, and attributes of the enclosing function."""

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
"""The oldest supported version of the operators."""

DEPTH = 16
"""The deepest nesting of functions and branches."""


@dataclass(frozen=True)
class Frame:
    """The context inside a function or a branch.

    Attributes:
        versions: operator versions by domain.
        attrs: attributes of the call.
        defaults: defaults of attributes that the call lacks.
        path: the part of the net.
        depth: number of enclosing functions and branches.
        caller: name of the operation that calls the function; empty outside a function.
        defined: whether the function is ONNX's definition of an operator.
    """

    versions: Mapping[str, int]
    attrs: Mapping[str, Any]
    path: str
    depth: int
    caller: str = ""
    defined: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def attr(self, name: str) -> Any:
        """Return an attribute of a function; None if it is not given."""
        return self.attrs[name] if name in self.attrs else self.defaults.get(name)

    def deeper(self) -> Frame:
        """Return the context one level further in.

        Raises:
            ModelError: the nesting is too deep.
        """
        if self.depth >= DEPTH:
            raise ModelError(
                f"functions or branches are nested more than {DEPTH} deep", expected="calls that do not form a cycle"
            )
        return replace(self, depth=self.depth + 1)


@dataclass(frozen=True, slots=True)
class Here:
    """An operation with its context.

    Attributes:
        step: the operation.
        scope: tensors by name.
        used: names that are read.
        frame: context of the enclosing function or branch.
    """

    step: Step
    scope: Scope
    used: set[str]
    frame: Frame

    def wanted(self) -> list[int]:
        """The positions of outputs that are read."""
        return [at for at, name in enumerate(self.step.outputs) if name in self.used]


def domain(name: str) -> str:
    """Return the name of a domain; ONNX's own has two.

    >>> domain("ai.onnx"), domain("com.example")
    ('', 'com.example')
    """
    return "" if name in OWN_DOMAINS else name


def imported(imports: Any) -> dict[str, int]:
    """Return the operator version of each domain in a function."""
    return {domain(one.domain): one.version for one in imports}


def versions(imports: Any) -> dict[str, int]:
    """Return the operator version of each domain in a model.

    Raises:
        ModelError: the version of ONNX's own operators is missing or unknown.
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
