"""The values of a run's tensors, and shared memory: a change of one tensor changes others."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from convscope.errors import ConvscopeError, ShapeError
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.values import Const, Factor, Value
from convscope.frontends.torch.call import memory_of
from convscope.frontends.torch.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from convscope.frontends.tensors.builder import Builder

    Unknown = Callable[[Sequence[Value], tuple[int, ...]], Value]

SAME_NUMBERS = {
    "view", "reshape", "view_as", "reshape_as", "flatten", "unflatten", "squeeze", "unsqueeze", "alias", "detach",
    "contiguous", "to", "type_as",
}  # fmt: skip
"""Views of all values in order."""

TURNED = {"permute", "transpose", "swapaxes", "t", "numpy_T", "movedim"}
"""Views of all values in another order."""

PARTS = {"slice", "narrow", "select"}
"""Views of a part along one dimension."""

VIEWS = SAME_NUMBERS | TURNED | PARTS | {"split", "split_with_sizes", "chunk", "tensor_split", "unbind", "expand"}
"""Operations whose result shares its memory with the tensor that they are given."""

PERHAPS = {"reshape", "reshape_as", "flatten", "contiguous", "to", "type_as"}
"""Those of them that copy if necessary."""


class _Later:
    """A value that is computed on access, in its original part of the source."""

    def __init__(self, builder: Builder, work: Callable[[], Value]) -> None:
        self.builder, self.work = builder, work
        self.scope = builder.scope, builder.whole_scope
        self.found: Value | None = None

    def value(self) -> Value:
        """The value, computed once."""
        if self.found is None:
            here = self.builder.scope, self.builder.whole_scope
            self.builder.scope, self.builder.whole_scope = self.scope
            self.found = self.work()
            self.builder.scope, self.builder.whole_scope = here
        return self.found


class _View:
    """How a tensor is a view of another one: the operation, its arguments, and the position among its results."""

    __slots__ = ("args", "at", "base", "name", "sure")

    def __init__(self, base: Tensor, name: str, args: tuple[Any, ...], at: int | None, *, sure: bool) -> None:
        self.base, self.name, self.args, self.at, self.sure = base, name, args, at, sure


class Memory:
    """The values of tensors, by identity, without tensors that do not depend on the input.

    Args:
        builder: receives the layers.
        unknown: adds an opaque layer that reads some values.
        const: returns a constant with its current values.
    """

    def __init__(self, builder: Builder, unknown: Unknown, const: Callable[[Tensor], Const]) -> None:
        self.builder, self.unknown, self.const = builder, unknown, const
        self.known: dict[int, tuple[Tensor, Value | _Later]] = {}
        self._views: dict[int, tuple[Tensor, _View]] = {}
        self._family: dict[int, list[Tensor]] = {}
        self._first: dict[int, Tensor] = {}
        self._positions: dict[int, list[Tensor]] = {}
        self._placed = 0

    def bind(self, tensor: Tensor, value: Value) -> Tensor:
        """Record the value of a tensor."""
        self.known[id(tensor)] = tensor, value
        return tensor

    def delay(self, tensor: Tensor, work: Callable[[], Value]) -> Tensor:
        """Record how to compute the value of a tensor."""
        self.known[id(tensor)] = tensor, _Later(self.builder, work)
        return tensor

    def value(self, tensor: object) -> Value | None:
        """What a tensor is; None for what does not depend on the input."""
        found = self.known.get(id(tensor))
        return None if found is None else read(found[1])

    def share(  # noqa: PLR0913 -- the facts about a view
        self, tensor: Tensor, base: Tensor, name: str, args: tuple[Any, ...], at: int | None = None, *, sure: bool
    ) -> None:
        """Record that a tensor is a view of another one or, if not ``sure``, possibly a copy."""
        if tensor is base:
            return
        first = self._first.get(id(base), base)
        self._first[id(tensor)] = first
        self._family.setdefault(id(first), []).append(tensor)
        self._views[id(tensor)] = tensor, _View(base, name, args, at, sure=sure)

    def change(self, tensor: Tensor, value: Value) -> None:
        """Record that a tensor was changed in place; others that share its memory are updated on access."""
        self.bind(tensor, value)
        path, part = {id(tensor)}, tensor
        while (found := self._views.get(id(part))) is not None:
            view = found[1]
            before, inside = self.known.get(id(view.base)), self.known[id(part)]
            old = before[1] if before else None if view.base.is_meta else self.const(view.base)
            self.delay(view.base, partial(self._put_back, view, old, inside[1]))
            part = view.base
            path.add(id(part))
        for other in self._family.get(id(part), ()):
            if id(other) not in path:
                before = self.known.get(id(other))
                self.delay(other, partial(self._seen_again, other, before and before[1]))

    def recognise(self, tensor: Tensor) -> bool:
        """Return whether a tensor shares the memory of a known one, and record it then."""
        for one, _ in islice(self.known.values(), self._placed, None):
            self._positions.setdefault(memory_of(one), []).append(one)
        self._placed = len(self.known)
        others = self._positions.get(memory_of(tensor), [])
        for one in others:
            value = self.value(one)
            if value and (one.shape, one.stride(), one.storage_offset()) == (
                tensor.shape, tensor.stride(), tensor.storage_offset(),
            ):  # fmt: skip
                self.bind(tensor, value)
                self.share(tensor, one, "alias", (), sure=True)
                return True
        found = [value for value in map(self.value, others[:1]) if value]
        if found:
            self.bind(tensor, self.unknown(found, tuple(tensor.shape)))
        return bool(found)

    def alone(self, tensor: Tensor) -> None:
        """Record that a tensor is reinterpreted, so that it is no longer known in detail what it shares."""
        for one, view in self._views.values():
            if tensor is one or tensor is view.base:
                view.name = "unknown"

    def forget(self) -> None:
        """Release the tensors of a finished run at once, without waiting for the search for cyclic garbage."""
        for held in (self.known, self._views, self._family, self._first, self._positions):
            held.clear()

    def relatives(self, tensor: Tensor) -> list[Tensor]:
        """Return other tensors that share the memory of a tensor."""
        first = self._first.get(id(tensor), tensor)
        return [one for one in (first, *self._family.get(id(first), ())) if one is not tensor]

    def _put_back(self, view: _View, before: Value | _Later | Const | None, inside: Value | _Later) -> Value:
        """What a tensor is of which a view was changed."""
        old, new = before.value() if isinstance(before, _Later) else before, read(inside)
        mark = self.builder.mark()
        try:
            if view.sure:
                return self._patched(view, old, new)
        except ConvscopeError:
            self.builder.back_to(mark)
        return self.unknown([old, new] if isinstance(old, Value) else [new], tuple(view.base.shape))

    def _patched(self, view: _View, old: Value | Const | None, new: Value) -> Value:
        sizes = tuple(view.base.shape)
        if view.name in SAME_NUMBERS:
            return shapes.viewed(self.builder, new, sizes)
        if view.name in TURNED:
            return shapes.permuted(new, _back(view, len(sizes)))
        if view.name not in PARTS or old is None:
            raise ShapeError("an in-place write to this kind of view is not supported")
        at, first, last = _cut(view, sizes)
        if view.name == "select":
            new = shapes.unsqueezed(new, at)
        parts: list[Value | Const] = [self._kept(old, at, 0, first)] if first else []
        parts.append(new)
        parts += [self._kept(old, at, last, sizes[at])] if last < sizes[at] else []
        return shapes.concatenated(self.builder, parts, at)

    def _kept(self, old: Value | Const, at: int, first: int, last: int) -> Value | Const:
        """Return an unchanged part of a tensor."""
        if isinstance(old, Value):
            return shapes.sliced(self.builder, old, at, first, last, 1)
        sizes = (*old.sizes[:at], last - first, *old.sizes[at + 1 :])
        return old.then(sizes, lambda numbers: numbers.take(range(first, last), at))

    def _seen_again(self, tensor: Tensor, before: Value | _Later | None) -> Value:
        """Return the value of a view after a change of its base."""
        view = self._views[id(tensor)][1]
        base = self.value(view.base)
        assert base is not None, "what was changed depends on the input"
        mark = self.builder.mark()
        try:
            if view.sure:
                return self._again(view, base, tuple(tensor.shape))
        except ConvscopeError:
            self.builder.back_to(mark)
        values = [base] if before is None or view.sure else [read(before), base]
        return self.unknown(values, tuple(tensor.shape))

    def _again(self, view: _View, base: Value, sizes: tuple[int, ...]) -> Value:
        if view.name in SAME_NUMBERS:
            return shapes.viewed(self.builder, base, sizes)
        if view.name not in VIEWS:
            raise ShapeError("the view is of an unknown kind")
        found: Value = _part(RULES[view.name](self.builder, base, *view.args), view.at)
        return found


def read(found: Value | _Later) -> Value:
    """Return a value, computed on first use."""
    return found if isinstance(found, Value) else found.value()


def _part(found: Any, at: int | None) -> Value:
    part = found if at is None else found[at]
    if not isinstance(part, Value):
        raise ShapeError("the part of a result is not a tensor")
    return part


def _cut(view: _View, sizes: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the dimension of a partial view, its first index, and the one after its last."""
    args = (*view.args, *(0, None, None, 1)[len(view.args) :])
    at = shapes.positive(args[0], len(sizes))
    if view.name == "select":
        first = shapes.positive(args[1], sizes[at])
        return at, first, first + 1
    if view.name == "narrow":
        return at, args[1], args[1] + args[2]
    first, last, step = slice(args[1], args[2], args[3]).indices(sizes[at])
    if step != 1:
        raise ShapeError("an in-place write to a strided slice is not supported")
    return at, first, max(first, last)


def _back(view: _View, rank: int) -> list[int]:
    """Return the inverse permutation of a view."""
    probe = Value("", (2,) * rank, tuple((Factor(axis, 2, 1),) for axis in range(rank)))
    order = [dim[0].axis for dim in RULES[view.name](None, probe, *view.args).dims]
    return [order.index(axis) for axis in range(rank)]
