"""Handling of operations with unknown output sizes, such as NonMaxSuppression or a data-dependent branch.

Such tensors, and all that are computed from them, are tracked without being read. If the file states the sizes of one,
the net continues there after an opaque layer. If none are stated up to the end, everything that follows is one opaque
layer, and a note states this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.budget import spend
from convscope.core.graph import Own
from convscope.errors import ConvscopeError
from convscope.frontends.onnx.consts import roots_of
from convscope.frontends.onnx.flow import flat, values
from convscope.frontends.onnx.names import shown
from convscope.frontends.onnx.order import captured
from convscope.frontends.onnx.sequence import Sequence
from convscope.frontends.onnx.steps import LAYER
from convscope.frontends.onnx.unread import FREE, SETTINGS, weights_among
from convscope.frontends.tensors.unknown import opaque
from convscope.frontends.tensors.values import Const

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convscope.frontends.onnx.call import Call, Given
    from convscope.frontends.onnx.graph import Declared, Scope
    from convscope.frontends.onnx.steps import Step
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Value

BY_DATA = SETTINGS | {
    "ConstantOfShape": {0},
    "Range": {0, 1, 2},
    "Reshape": {1},
    "Slice": {1, 2, 3, 4},
    "Split": {1},
    "Squeeze": {1},
    "Unsqueeze": {1},
}
"""Inputs that determine the sizes of the output, by the name of the operator."""


@dataclass(frozen=True, eq=False)
class Lost:
    """A tensor of unknown sizes.

    Attributes:
        first: the operation that computed it, or the first of several.
        why: why it could not be read.
        step: name of the operation that computed it.
        values: tensors of the net that the operation reads.
        consts: constants that it reads, which may be weights.
        free: whether no operation so far multiplies with weights.
        before: tensors of unknown sizes that it reads.
    """

    first: Step
    why: Exception
    step: str
    values: tuple[Value, ...]
    consts: tuple[Const, ...]
    free: bool
    before: tuple[Lost, ...]

    def every(self) -> list[Lost]:
        """Return the tensor and its ancestors, each once.

        Raises:
            LimitError: there are too many to traverse repeatedly.
        """
        found = {id(self): self}
        stack = [self]
        while stack:
            for one in stack.pop().before:
                if id(one) not in found:
                    found[id(one)] = one
                    stack.append(one)
        spend(len(found))
        return list(found.values())

    def steps(self) -> set[str]:
        """Return the names of all operations between known tensors and this one."""
        return {one.step for one in self.every()}

    def row(self, builder: Builder, sizes: tuple[int, ...], *, name: str = "") -> Value:
        """Add an opaque layer of stated sizes.

        It has the weights that have not been counted yet, and counts them.
        """
        every = self.every()
        values = tuple(dict.fromkeys(value for one in every for value in one.values))
        consts = tuple({id(const): const for one in every for const in one.consts}.values())
        spend(LAYER * len(values))
        roots = builder.fresh(roots_of(consts))
        own = Own(tuple(root.weight() for root in roots), 0 if self.free else None)
        return opaque(builder, values, sizes, own, name=name)


def among(given: Iterable[Given]) -> list[Lost]:
    """Return the lost tensors among some inputs, including those in sequences."""
    some = [one for one in given if isinstance(one, Lost) or (isinstance(one, Sequence) and one.marked)]
    return [one for one in flat(some) if isinstance(one, Lost)] if some else []


def follows(step: Step, call: Call, why: Exception, scope: Scope) -> Lost:
    """Return the lost output of an operation of unknown sizes, or with lost inputs."""
    inner = list(_captured(step, scope))
    before = tuple(dict.fromkeys(among((*call.inputs, *inner))))
    known = [one for one in flat((*call.inputs, *inner)) if not isinstance(one, Lost)]
    consts = [*weights_among(call), *(one for one in inner if isinstance(one, Const))]
    return Lost(
        before[0].first if before else step,
        before[0].why if before else why,
        step.outputs[0],
        tuple(dict.fromkeys(values(known))),
        tuple({id(one): one for one in consts}.values()),
        step.op in FREE and not step.domain and all(one.free for one in before),
        before,
    )


def _captured(step: Step, scope: Scope) -> Iterator[Given]:
    """Return outer tensors that the graphs inside an operation read."""
    for name in dict.fromkeys(captured(step.attrs.values())):
        try:
            yield scope.get(name)
        except ConvscopeError:  # an output of an inner graph
            continue


def decided_by_data(step: Step, call: Call) -> bool:
    """Return whether the sizes depend on input values through a setting of the operation."""
    settings = () if step.domain else BY_DATA.get(step.op, ())
    return any(True for _ in values(call.get(at) for at in settings))


def ones(sizes: Declared | None) -> tuple[int, ...]:
    """Replace unknown sizes with 1.

    >>> ones(("n", 3)), ones(None)
    ((1, 3), (1,))
    """
    return tuple(one if isinstance(one, int) and one > 0 else 1 for one in sizes or ()) or (1,)


def note(lost: Lost, sizes: dict[str, Declared | None]) -> str:
    """Return the note for a net whose end could not be read."""
    more = len(lost.steps()) - 1
    also = f" and the {more} operation{'' if more == 1 else 's'} after it are" if more else " is"
    stated = ", ".join(
        f'"{shown(name)}" {"x".join("?" if isinstance(one, str) or one < 1 else str(one) for one in found) or "1"}'
        if found is not None
        else f'"{shown(name)}" of unknown sizes'
        for name, found in sizes.items()
    )
    return (
        f'{lost.first}{also} shown as "rest", which cannot be inspected: {_reason(lost)}. '
        f"Unknown sizes are shown as 1: {stated}"
    )


def _reason(lost: Lost) -> str:
    return lost.why.what if isinstance(lost.why, ConvscopeError) else "it does not fit its inputs"
