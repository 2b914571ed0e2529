"""Equal operations are followed once: what a rule made of tensors is made again of others that lie alike.

Blocks repeat, and so do nets. A rule sees how its tensors lie, of which sizes its constants are, and plain arguments.
While it is observed, it is written down which layers it adds, which of them reads which, and how their weights follow
from its constants. As long as it asks for nothing besides, not even for the numbers of a constant, it would do the same
for every operation that is equal in all of these; so it is not asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convscope.core.net import fit
from convscope.frontends.tensors.builder import claimed_by
from convscope.frontends.tensors.values import REPEATED, Const, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    from convscope.core.net import Fit
    from convscope.core.op import Op
    from convscope.core.shape import Shape
    from convscope.frontends.tensors.builder import Builder, Claim, Loader
    from convscope.frontends.tensors.values import Dims

    Change = Callable[[NDArray[Any]], NDArray[Any]]
    Rule = Callable[..., Any]

MOST = 4096
"""Operations that are remembered."""

SIMPLE: frozenset[type[Any]] = frozenset({int, bool, str, type(None)})
"""Kinds of arguments that are equal where they are written alike."""


class _Weight(NamedTuple):
    """How a weight of a layer is made.

    Attributes:
        name: in the op.
        source: which constant of the operation it is made of; -1 where of none.
        changes: what is done with that, in order, each with the sizes after it.
        made: the weight itself, where it is made of none.
    """

    name: str
    source: int
    changes: tuple[tuple[tuple[int, ...], Change], ...] = ()
    made: Const | None = None


class _Step(NamedTuple):
    """A layer that a rule adds.

    Attributes:
        keyword: what is done.
        found: its op, fitted.
        inputs: which layers it reads: those of the tensors of the operation come first, then those of earlier steps; -1
            is the first input of the net.
        shapes: of these.
        weights: of it; None where there are none.
        claim: the weights that the op states.
        between: it has no part in the name of the layer that is being read.
    """

    keyword: str
    found: Fit
    inputs: tuple[int, ...]
    shapes: tuple[Shape, ...]
    weights: tuple[_Weight, ...] | None
    claim: Claim | None
    between: bool


class _Result(NamedTuple):
    """A tensor that a rule gives: which layer it is the output of, and how it lies."""

    at: int
    shape: Shape
    dims: Dims


class _Made(NamedTuple):
    """What a rule makes: layers, and one tensor or several, None for one that few read.

    Attributes:
        steps: layers, in order.
        results: tensors.
        several: the kind of list that they stand in; None where there is just one.
    """

    steps: tuple[_Step, ...]
    results: tuple[_Result | None, ...]
    several: type[Any] | None

    def again(self, builder: Builder, values: Sequence[Value], consts: Sequence[Const]) -> Any:
        """The same for other tensors and constants."""
        nodes = [value.node for value in values]
        for step in self.steps:
            inputs = tuple([nodes[at] if at >= 0 else builder.inputs[0].name for at in step.inputs])
            weights = None if step.weights is None else {one.name: _remade(one, consts) for one in step.weights}
            name = builder.named(step.keyword, len(inputs), between=step.between)
            builder.add(name, step.found, inputs, step.shapes, weights, step.claim)
            nodes.append(name)
        if self.several is None:
            at, shape, dims = self.results[0]  # type: ignore[misc] # a single result is a tensor
            return Value(nodes[at], shape, dims)
        return self.several(one and Value(nodes[one.at], one.shape, one.dims) for one in self.results)


def _remade(weight: _Weight, consts: Sequence[Const]) -> Const:
    if weight.made:
        return weight.made
    const = consts[weight.source]
    for sizes, change in weight.changes:
        const = const.then(sizes, change)
    return const


LIBRARY = (np.transpose, np.ravel)
"""Functions of numpy that change the numbers of a constant and hold nothing."""

_KNOWN: dict[Hashable, _Made | None] = {}
"""What rules made; None where one asked for more than it is known by."""


def followed(rule: Rule, builder: Builder, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """What a rule makes of its arguments, tensors as values and constants.

    Raises:
        Exception: whatever the rule raises.
    """
    values: list[Value] = []
    consts: list[Const] = []
    try:
        key: tuple[Hashable, ...] = (rule, *[_kind(arg, values, consts) for arg in args])
        if named:
            key = (*key, *[(name, _kind(arg, values, consts)) for name, arg in named.items()])
        known = _KNOWN[key]
    except _UnlikeError:
        return rule(builder, *args, **named)
    except KeyError:
        return _observed(key, rule, builder, (args, named), (values, consts))
    return rule(builder, *args, **named) if known is None else known.again(builder, values, consts)


class _UnlikeError(Exception):
    """An argument is of a kind that is not compared."""


def _kind(arg: Any, values: list[Value], consts: list[Const]) -> Hashable:
    """What a rule can tell of an argument; tensors and constants are collected."""
    kind = type(arg)
    if kind is Value:
        values.append(arg)
        at = next(number for number, one in enumerate(values) if one.node == arg.node) if len(values) > 1 else 0
        return arg.shape, arg.dims, at
    if kind is Const:
        consts.append(arg)
        return arg.sizes, not arg.roots
    if kind in SIMPLE:
        return kind, arg
    if kind is float:
        return kind, repr(arg)  # which tells 0.0 from -0.0
    if kind is list or kind is tuple:
        kinds: tuple[type[Any], ...] = tuple(map(type, arg))
        plain = SIMPLE.issuperset(kinds)
        return kind.__name__, kinds, *(arg if plain else [_kind(one, values, consts) for one in arg])
    if kind.__module__ == "torch" and kind.__name__ in {"dtype", "device", "layout", "memory_format"}:
        return kind, arg
    raise _UnlikeError


def _observed(
    key: Hashable,
    rule: Rule,
    builder: Builder,
    given: tuple[Sequence[Any], dict[str, Any]],
    met: tuple[list[Value], list[Const]],
) -> Any:
    """Ask a rule, and remember what it makes, if it depends on nothing else."""
    values, consts = met
    if any(factor.axis == REPEATED for value in values for dim in value.dims for factor in dim):
        return rule(builder, *given[0], **given[1])  # no two repetitions are alike
    watch = _Watched(builder, values, consts)
    numbered = iter(watch.lent)
    args = [_lent(arg, numbered) for arg in given[0]]
    found = rule(watch, *args, **{name: _lent(arg, numbered) for name, arg in given[1].items()})
    if len(_KNOWN) >= MOST:
        _KNOWN.clear()
    _KNOWN[key] = watch.made(found)
    return consts[found.source] if isinstance(found, _Lent) and not found.changes else found


def _lent(arg: Any, numbered: Iterator[Const]) -> Any:
    """An argument with its constants as they are lent to a rule that is watched."""
    if isinstance(arg, Const):
        return next(numbered)
    if type(arg) in {list, tuple}:
        return type(arg)(_lent(one, numbered) for one in arg)
    return arg


@dataclass(frozen=True, slots=True)
class _Lent(Const):
    """A constant that remembers of which one it is made, and how.

    Attributes:
        source: which constant of the operation.
        changes: what was done with it, in order, each with the sizes after it.
    """

    source: int = 0
    changes: tuple[tuple[tuple[int, ...], Change], ...] = ()

    def then(self, sizes: Sequence[int], change: Change) -> Const:
        """As of any constant."""
        load, after = self.load, tuple(sizes)
        return _Lent(
            after, lambda: change(load()), self.roots, self.work, None, self.source, (*self.changes, (after, change))
        )


class _Name(NamedTuple):
    """Of an input of the net, as far as a rule may know it."""

    name: str


def _telling(load: Loader, asked: set[str]) -> Loader:
    """Return a loader of the values of a constant that records that it was called."""

    def loaded() -> NDArray[Any]:
        asked.add("numbers")
        return load()

    return loaded


class _Watched:
    """A builder that writes down what a rule adds, and what else it asks for."""

    __slots__ = ("asked", "builder", "count", "inputs", "lent", "places", "steps")

    def __init__(self, builder: Builder, values: Sequence[Value], consts: Sequence[Const]) -> None:
        self.builder, self.asked, self.count = builder, set[str](), len(values)
        self.inputs = (_Name(builder.inputs[0].name),)
        self.steps: list[_Step] = []
        self.places = {builder.inputs[0].name: -1}
        self.places.update((value.node, at) for at, value in reversed(list(enumerate(values))))
        self.lent = [
            _Lent(one.sizes, _telling(one.load, self.asked), one.roots, one.work, one.origin, at)
            for at, one in enumerate(consts)
        ]

    def __getattr__(self, name: str) -> Any:
        if name in self.__slots__:  # of a copy that is not complete yet
            raise AttributeError(name)
        self.asked.add(name)
        return getattr(self.builder, name)

    @property
    def quantized(self) -> str:
        """Of the builder, which a rule may change."""
        self.asked.add("quantized")
        return self.builder.quantized

    @quantized.setter
    def quantized(self, dtype: str) -> None:
        self.asked.add("quantized")
        self.builder.quantized = dtype

    def emit(
        self,
        op: Op,
        inputs: Sequence[str],
        weights: dict[str, Const] | None = None,
        *,
        name: str = "",
        between: bool = False,
    ) -> Value:
        """As of the builder."""
        made = self.builder.emit(op, inputs, weights, name=name, between=between)
        self.places[made.node] = self.count + len(self.steps)
        layer = self.builder.layers[-1]
        found = fit(layer.node.op, layer.inputs)
        self.steps.append(
            _Step(
                name or op.keyword,
                found,
                tuple(self._place(one) for one in inputs),
                layer.inputs,
                tuple(self._weight(key, const) for key, const in weights.items()) if weights else None,
                claimed_by(found.op, layer.inputs) if weights else None,
                between,
            )
        )
        return made

    def _place(self, node: str) -> int:
        if node not in self.places:
            self.asked.add(node)
        return self.places.get(node, 0)

    def _weight(self, name: str, const: Const) -> _Weight:
        if isinstance(const, _Lent):
            if not all(_is_plain(change) for _, change in const.changes):
                self.asked.add(name)
            return _Weight(name, const.source, const.changes)
        if const.roots or const.work or not _is_plain(const.load):
            self.asked.add(name)
        return _Weight(name, -1, (), const)

    def made(self, found: Any) -> _Made | None:
        """What the rule made; None where it asked for more, or gave something else than tensors."""
        several = type(found) if type(found) in {list, tuple} else None
        results = found if several else [found]
        if not all(type(one) is Value or (several and one is None) for one in results):
            return None
        if any(factor.axis == REPEATED for one in results if one for dim in one.dims for factor in dim):
            return None
        places = tuple(one and _Result(self._place(one.node), one.shape, one.dims) for one in results)
        return None if self.asked else _Made(tuple(self.steps), places, several)


def _is_plain(held: Any) -> bool:
    """A function, or what it holds, is made of numbers and words: nothing of a model hangs on it.

    >>> at = 3
    >>> _is_plain(lambda numbers: numbers.take(at)), _is_plain(lambda numbers, const=Const((), list): const.load())
    (True, False)
    """
    if isinstance(held, FunctionType):
        cells = [cell.cell_contents for cell in held.__closure__ or ()]
        return all(map(_is_plain, (*cells, *(held.__defaults__ or ()), *(held.__kwdefaults__ or {}).values())))
    if isinstance(held, list | tuple):
        return all(map(_is_plain, held))
    return (
        held is None
        or isinstance(held, int | float | str | type | np.ufunc | np.generic)
        or any(held is one for one in LIBRARY)
    )
