"""Collecting the layers of a net while a source is read: names, weights, shared tensors."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from convscope.budget import hold, spend
from convscope.core.graph import INPUT, Input, Node, Output, Own
from convscope.core.net import Layer, Net, check_inputs, fit, fitted
from convscope.core.op import FLOAT32
from convscope.errors import ConvscopeError, ShapeError
from convscope.frontends.aside import aside
from convscope.frontends.tensors.ends import laid
from convscope.frontends.tensors.values import Value, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from numpy.typing import NDArray

    from convscope.core.net import Fit
    from convscope.core.op import Op, Weight
    from convscope.core.shape import Shape
    from convscope.frontends.tensors.values import Const, Root

    Loader = Callable[[], NDArray[Any]]

LAYER, INPUT_STEPS = 10, 2
"""Steps for a layer and for each of its inputs; code that makes many from a few bytes counts them in addition."""

_ODD = re.compile(r"[^\w.\-]+", re.ASCII)


NOTHING_OWN = Own()
"""The facts of an op that match its source."""


class Claim(NamedTuple):
    """The weights that an op declares.

    Attributes:
        shapes: their shapes by name.
        learned: number of parameters.
        trained: names of the learned tensors.
        stored: number of values that are not learned.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    learned: int
    trained: tuple[str, ...]
    stored: tuple[Weight, ...]


@lru_cache(maxsize=4096)  # blocks repeat, and so do nets
def claimed_by(op: Op, inputs: tuple[Shape, ...]) -> Claim:
    """Return the weights that an op declares."""
    claimed = op.weights(inputs) or ()
    shapes = tuple((weight.name, weight.shape) for weight in claimed)
    learned = sum(weight.count for weight in claimed if weight.trained)
    trained = tuple(weight.name for weight in claimed if weight.trained)
    return Claim(shapes, learned, trained, tuple(weight for weight in claimed if not weight.trained))


def _learned(const: Const) -> list[Root]:
    """Return the learned tensors from which one is made, without auxiliary ones."""
    return [root for root in const.roots if root.trained]


@dataclass
class Builder:
    """A net under construction.

    Attributes:
        inputs: inputs of the net, in order.
        layers: layers in order.
        loaders: for each layer, the tensors of its lowering.
        scope: the part of the source that is being read, such as ``layer1.0``; names of layers begin with it.
        whole_scope: whether the part of the source is one layer of the framework, which needs no further name.
        sources: names of the operations in the file that are being read.
        quantized: dtype of quantised tensors, as last stated by the source.
    """

    inputs: tuple[Input, ...]
    layers: list[Layer] = field(default_factory=list)
    loaders: dict[str, dict[str, Const]] = field(default_factory=dict)
    scope: str = ""
    whole_scope: bool = False
    sources: tuple[str, ...] = ()
    quantized: str = "uint8"
    counted: set[Hashable] = field(default_factory=set)
    _first: dict[str, list[Hashable]] = field(default_factory=dict)
    _names: Counter[str] = field(default_factory=Counter)
    _shapes: dict[str, Shape] = field(default_factory=dict)
    _positions: dict[str, int] = field(default_factory=dict)
    _clean: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Builder:
        """Start a net without layers; a single input is called ``input``, several by their names."""
        words = [INPUT] if len(inputs) == 1 else unique_words(one.name for one in inputs)
        return cls(tuple(replace(one, name=word) for one, word in zip(inputs, words, strict=True)))

    def __post_init__(self) -> None:
        check_inputs(self.inputs)
        for one in self.inputs:
            self._shapes[one.name] = one.shape
            self._names[one.name] = 1

    def input(self, at: int = 0) -> Value:
        """Return an input as the source's tensor, by default ``1 c h w``."""
        one = self.inputs[at]
        return Value(one.name, one.shape, laid(one.shape, one.order))

    def emit(
        self,
        op: Op,
        inputs: Sequence[str],
        weights: dict[str, Const] | None = None,
        *,
        name: str = "",
        between: bool = False,
    ) -> Value:
        """Add a layer; return its output with every axis as a dimension and without a batch.

        Args:
            op: op of the layer.
            inputs: names of the layers that it reads.
            weights: weights by their names in the op.
            name: base of the name, by default the keyword of the op.
            between: whether it goes before the layer that is being read, without using its name.

        Raises:
            ShapeError: the op does not fit.
            LimitError: there are too many layers, or too long names, for the size of the file.
        """
        inputs = tuple(inputs)
        shapes = tuple([self._shapes[name] for name in inputs])
        name = self.named(name or op.keyword, len(inputs), between=between)
        try:
            found = fit(op, shapes)
        except ConvscopeError:
            fitted(Node(name, op, inputs, sources=self.sources), shapes)  # which says where, too
            raise
        claim = None
        if weights:
            claim = claimed_by(found.op, shapes)
            for key, shape in claim.shapes:
                if weights[key].sizes != shape:
                    raise ShapeError(f"{key} has shape {weights[key].sizes}", expected=f"{shape}")
        self.add(name, found, inputs, shapes, weights, claim)
        return Value(name, found.output, whole(found.output))

    def add(
        self,
        name: str,
        found: Fit,
        inputs: tuple[str, ...],
        shapes: tuple[Shape, ...],
        weights: dict[str, Const] | None,
        claim: Claim | None,
    ) -> None:
        """Add a layer whose op is fitted already; its name comes from :meth:`named`."""
        own = NOTHING_OWN
        if weights and claim:
            own = self._own(name, found, shapes, weights, claim)
            self.loaders[name] = weights
        self._positions[name] = len(self.layers)
        self.layers.append(Layer(Node(name, found.op, inputs, None, own, self.sources), shapes, *found[1:]))
        self._shapes[name] = found.output

    def mark(self) -> tuple[int, str, bool]:
        """Return a mark for :meth:`back_to`."""
        return len(self.layers), self.scope, self.whole_scope

    def back_to(self, mark: tuple[int, str, bool]) -> None:
        """Remove layers that were added since a mark; their names stay reserved."""
        for layer in self.layers[mark[0] :]:
            del self._positions[layer.node.name]
            self.loaders.pop(layer.node.name, None)
            self.counted.difference_update(self._first.pop(layer.node.name, ()))
        del self.layers[mark[0] :]

    def find(self, name: str) -> Layer | None:
        """Return the layer of a name; None for an input."""
        at = self._positions.get(name)
        return None if at is None else self.layers[at]

    def spend(self, value: Value, own: Own) -> None:
        """Set the source's facts about the layer of a value, which was added last."""
        at = self._positions[value.node]
        self.layers[at] = replace(self.layers[at], node=replace(self.layers[at].node, own=own))

    def fresh(self, roots: Iterable[Root]) -> list[Root]:
        """Return the learned tensors that no layer has counted yet, and count them."""
        found = []
        for root in roots:
            if root.key not in self.counted:
                self.counted.add(root.key)
                found.append(root)
        return found

    def _own(self, name: str, found: Fit, shapes: tuple[Shape, ...], weights: dict[str, Const], claim: Claim) -> Own:
        """Return the source's facts, unless it has exactly one learned tensor for each of the op."""
        roots: list[Root] = []
        first: list[Hashable] = []
        macs, learned, usual = 0, 0, True
        counted = self.counted
        for const in weights.values():
            for root in const.roots:
                if root.key in counted:
                    usual = False
                    continue
                counted.add(root.key)
                first.append(root.key)
                roots.append(root)
                learned += math.prod(root.shape)
                usual = usual and root.trained and not root.frozen and root.dtype == FLOAT32
            for done, more in const.work:
                if done not in counted:
                    counted.add(done)
                    first.append(done)
                    macs += more
        self._first[name] = first
        as_stated = learned == claim.learned
        if usual and as_stated and not macs and all(weights[one].roots for one in claim.trained):
            return NOTHING_OWN
        extra = (found.op.macs(shapes, found.output) or 0) + macs if macs else None
        frozen = tuple([one for one in claim.trained if all(root.frozen for root in _learned(weights[one]))])
        mixed = any(root.frozen for one in claim.trained if one not in frozen for root in weights[one].roots)
        if as_stated and not mixed and all(root.trained and root.dtype == FLOAT32 for root in roots):
            return Own(macs=extra, frozen=frozen) if macs or frozen else NOTHING_OWN
        return Own((*[root.weight() for root in roots], *claim.stored), extra, frozen)

    def named(self, keyword: str, inputs: int, *, between: bool = False) -> str:
        """Return the name of a new layer with the given number of inputs, and count the layer.

        Raises:
            LimitError: there are more layers, or longer names, than the file is worth.
        """
        spend(LAYER + INPUT_STEPS * inputs)
        name = self._name(keyword, between=between)
        hold(len(name))
        return name

    def _name(self, keyword: str, *, between: bool) -> str:
        scope = self._clean.get(self.scope)
        if scope is None:
            scope = self._clean[self.scope] = _ODD.sub("_", self.scope)
        whole_scope = self.whole_scope
        if between and whole_scope:
            scope, whole_scope = scope.rpartition(".")[0], False
        name = scope if whole_scope and scope else f"{scope}.{keyword}" if scope else keyword
        if name not in self._names:
            self._names[name] = 1
            return name
        self._names[name] += 1
        numbered = f"{name}_{self._names[name]}"
        while numbered in self._names:
            self._names[name] += 1
            numbered = f"{name}_{self._names[name]}"
        self._names[numbered] = 1
        return numbered

    def net(self, outputs: Sequence[Output], unused: tuple[Weight, ...] = ()) -> Net:
        """Build the net with these outputs."""
        if not self.layers:
            raise ShapeError("the model has no layers that read its input", expected="a model with at least one layer")
        return Net(self.inputs, tuple(self.layers), tuple(outputs), unused, tensors=_Tensors(self.loaders))


@dataclass(frozen=True)
class _Tensors:
    """Return a function that loads weights by ``layer.tensor``."""

    loaders: dict[str, dict[str, Const]]

    def __call__(self) -> dict[str, NDArray[Any]]:
        with aside():  # a user's own layer may export its weights in its own way
            return {f"{at}.{key}": const.load() for at, found in self.loaders.items() for key, const in found.items()}


def unique_words(names: Iterable[str]) -> list[str]:
    """Unique names that are valid in the notation.

    >>> unique_words(["rgb/in", "rgb:in", "depth"])
    ['rgb_in', 'rgb_in_2', 'depth']
    """
    found: dict[str, None] = {}
    last: dict[str, int] = {}
    for name in names:
        word = numbered = _ODD.sub("_", name).lstrip(".-") or INPUT
        while numbered in found:
            last[word] = last.get(word, 1) + 1
            numbered = f"{word}_{last[word]}"
        found[numbered] = None
    return list(found)
