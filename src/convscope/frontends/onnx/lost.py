"""What follows an operation whose output has sizes that nobody states: NonMaxSuppression, a branch that data decides.

Such tensors, and all that are made from them, are followed without being read. Where the file states the sizes of one,
the net goes on there after a layer that cannot be inspected. Where none are stated up to the end, everything that
follows is one such layer, and a note says so.
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
"""Inputs that decide the sizes of the output, by the name of the operator."""


@dataclass(frozen=True, eq=False)
class Lost:
    """A tensor of sizes that are not known.

    Attributes:
        first: the operation that made it, or the first of those that did.
        why: it could not be read.
        step: name of the operation that gave it.
        values: what that operation reads of the net.
        consts: constants that it reads, and that may be weights.
        free: none of the operations up to here multiplies with weights.
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
        """The tensor and those before it, each once.

        Raises:
            LimitError: they are too many to be looked at so often.
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
        """Names of every operation between what is known and this tensor."""
        return {one.step for one in self.every()}

    def row(self, builder: Builder, sizes: tuple[int, ...], *, name: str = "") -> Value:
        """A layer that cannot be inspected, of sizes that somebody states.

        It has the weights that nobody has counted, which are counted from now on.
        """
        every = self.every()
        values = tuple(dict.fromkeys(value for one in every for value in one.values))
        consts = tuple({id(const): const for one in every for const in one.consts}.values())
        spend(LAYER * len(values))
        roots = builder.fresh(roots_of(consts))
        own = Own(tuple(root.weight() for root in roots), 0 if self.free else None)
        return opaque(builder, values, sizes, own, name=name)


def among(given: Iterable[Given]) -> list[Lost]:
    """Those of some inputs, those in sequences too."""
    some = [one for one in given if isinstance(one, Lost) or (isinstance(one, Sequence) and one.marked)]
    return [one for one in flat(some) if isinstance(one, Lost)] if some else []


def follows(step: Step, call: Call, why: Exception, scope: Scope) -> Lost:
    """What an operation gives of which no sizes are known, or which reads what is lost."""
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
    """Tensors that the graphs inside of an operation read from around them."""
    for name in dict.fromkeys(captured(step.attrs.values())):
        try:
            yield scope.get(name)
        except ConvscopeError:  # an output of one of the graphs themselves
            continue


def decided_by_data(step: Step, call: Call) -> bool:
    """The sizes depend on numbers of the input: a setting of the operation does."""
    settings = () if step.domain else BY_DATA.get(step.op, ())
    return any(True for _ in values(call.get(at) for at in settings))


def ones(sizes: Declared | None) -> tuple[int, ...]:
    """Sizes with 1 in the position of those that are not known.

    >>> ones(("n", 3)), ones(None)
    ((1, 3), (1,))
    """
    return tuple(one if isinstance(one, int) and one > 0 else 1 for one in sizes or ()) or (1,)


def note(lost: Lost, sizes: dict[str, Declared | None]) -> str:
    """What must be known of a net whose end is not read."""
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
