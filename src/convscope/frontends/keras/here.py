"""The context of a rule that turns a call of a Keras layer into layers of a net."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ModelError, ShapeError
from convscope.frontends.keras.kept import AS_MATRIX, Kept
from convscope.frontends.tensors.settle import is_whole, settled, without_repeats
from convscope.frontends.tensors.values import Factor, Value
from convscope.ops.view import Flatten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from convscope.core.op import Op
    from convscope.frontends.keras.kept import Layout
    from convscope.frontends.keras.settings import Settings
    from convscope.frontends.keras.spec import Sizes, Spec
    from convscope.frontends.keras.weights import Store
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Const, Dim

LAST, FIRST = "channels_last", "channels_first"


class BeyondError(Exception):
    """Raised if no layer of a net computes a Keras layer, which then becomes an opaque layer."""


@dataclass
class Here:
    """A call of a layer.

    Attributes:
        builder: receives the layers.
        spec: the layer.
        store: provides its weights.
        run: calls another layer instead, given its specification, arguments and leading dimensions.
        lead: number of leading dimensions over which the layer is repeated: the batch, and times within
            ``TimeDistributed``.
        given: its first tensor argument.
        sizes: sizes of each output, if the configuration states them.
        frozen: whether the entire model is frozen.
    """

    builder: Builder
    spec: Spec
    store: Store
    run: Callable[..., Any]
    lead: int = 1
    given: Value | None = None
    sizes: tuple[Sizes | None, ...] = ()
    frozen: bool = False

    @property
    def settings(self) -> Settings:
        """The settings of the layer."""
        return self.spec.settings

    @property
    def first(self) -> bool:
        """Whether channels come first."""
        return self.settings.word("data_format", (LAST, FIRST)) == FIRST

    @contextmanager
    def aside(self, name: str = "") -> Iterator[None]:
        """Add accompanying layers within the block, named ``layer.relu`` or otherwise."""
        scope, alone = self.builder.scope, self.builder.whole_scope
        self.builder.scope, self.builder.whole_scope = f"{scope}.{name}" if name else scope, bool(name)
        try:
            yield
        finally:
            self.builder.scope, self.builder.whole_scope = scope, alone

    def weights(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        part: str = "",
        *,
        stored: Sequence[str] = (),
        settings: Settings | None = None,
        layout: Layout = AS_MATRIX,
    ) -> dict[str, Const]:
        """Return the tensors of the layer.

        Args:
            shapes: their shapes, in the order in which Keras creates them.
            part: the attribute of the layer that has them, such as ``cell``, if it is not the layer itself.
            stored: names of tensors that are not learned.
            settings: settings of that part, if it has its own.
            layout: layout of a quantised kernel.
        """
        self._check_built()
        owner = self.spec.owner
        for name in filter(None, part.split("/")):
            owner = owner.part(name)
        kept = Kept(self.store, owner, settings or self.settings, self.frozen, len(shapes), layout)
        return {
            name: kept.tensor(at, name, shape, learned=name not in stored)
            for at, (name, shape) in enumerate(shapes.items())
        }

    def _check_built(self) -> None:
        """Check that the weights match the number of input channels."""
        built, given = self.spec.built, self.given
        if not built or given is None or len(built) != len(given.dims):
            return
        at = 1 if self.settings.get("data_format") == FIRST else -1
        if built[at] not in {None, given.sizes[at]}:
            raise ShapeError(
                f"{self.spec.owner.scope}: the weights take {built[at]} channels, the input has {given.sizes[at]}",
                expected="an input of the size that the model was made for",
            )

    def emit(self, op: Op, value: Value, weights: dict[str, Const] | None = None) -> Value:
        """Add a layer on the maps from :meth:`maps`."""
        made = self.builder.emit(op, [value.node], weights)
        return replace(made, dims=((), *made.dims))

    def maps(self, x: Value, rank: int) -> Value:
        """Return a tensor as ``n c ...`` with a number of spatial dimensions, preceded by times.

        Raises:
            ModelError: it has a different number of dimensions.
        """
        if len(x.dims) != self.lead + rank + 1:
            raise ModelError(f"the input has {len(x.dims)} dimensions", expected=f"{self.lead + rank + 1} dimensions")
        if x.dims[0]:
            raise BeyondError
        channels, positions = self._split(x.dims)
        with self.aside():
            return settled(self.builder, replace(x, dims=((), channels, *positions)), (channels, *positions))

    def _split(self, dims: tuple[Dim, ...]) -> tuple[Dim, tuple[Dim, ...]]:
        if self.first:
            return dims[self.lead], (*dims[1 : self.lead], *dims[self.lead + 1 :])
        return dims[-1], dims[1:-1]

    def back(self, made: Value) -> Value:
        """Revert :meth:`maps`."""
        _, channels, *positions = made.dims
        if self.first:
            times = self.lead - 1
            return replace(made, dims=((), *positions[:times], channels, *positions[times:]))
        return replace(made, dims=((), *positions, channels))

    def spread(self, numbers: Sequence[int], fill: int = 1) -> tuple[int, ...]:
        """Prepend settings for times to those of the spatial dimensions."""
        return (*(fill,) * (self.lead - 1), *numbers)

    def along_channels(self, x: Value, at: int) -> tuple[Value, Callable[[Const], Const]]:
        """Return a tensor with one dimension as the channels of a layer, and the permutation of a vector along it.

        A flattened map has channels last in Keras and first in a net; the vector is permuted then, not the tensor.
        """
        x = without_repeats(self.builder, x)
        dim = x.dims[at]
        if is_whole(x, 0, dim):
            return x, lambda const: const
        others = [one for position, one in enumerate(x.dims) if position != at and position]
        with self.aside():
            if not any(others) and not x.dims[0]:
                return self._flattened(x, at)
            return settled(self.builder, x, [dim, *others]), lambda const: const

    def _flattened(self, x: Value, at: int) -> tuple[Value, Callable[[Const], Const]]:
        if len(x.shape) > 1:
            made = self.builder.emit(Flatten(), [x.node])
            steps = [math.prod(x.shape[axis + 1 :]) for axis in range(len(x.shape))]
            dim = tuple(Factor(0, factor.size, factor.step * steps[factor.axis]) for factor in x.dims[at])
            x = Value(made.node, made.shape, (*x.dims[:at], dim, *x.dims[at + 1 :]))
        order = ordered(x.dims[at])
        return x, lambda const: const.then(const.sizes, lambda numbers: numbers[order()])


def several(rule: Callable[..., Value]) -> Callable[..., Value]:
    """Add a Keras layer that becomes several layers of a net, such as ``n.shift`` and ``n.scale``."""

    @wraps(rule)
    def call(here: Here, *args: Any, **named: Any) -> Value:
        with here.aside():
            return rule(here, *args, **named)

    return call


def ordered(dim: Dim) -> Callable[[], NDArray[np.intp]]:
    """Return, for each index of an axis, its position along a dimension with all of its factors in any order."""

    def work() -> NDArray[np.intp]:
        grid = np.zeros((), dtype=np.intp)
        for factor in dim:
            grid = np.add.outer(grid, np.arange(factor.size) * factor.step)
        return np.argsort(grid.ravel())

    return work
