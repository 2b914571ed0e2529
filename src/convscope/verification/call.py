"""A call of a torch operator for a rule: arguments by name, probed tensors as signals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from convscope.verification.signals import Signal, merge, own_positions

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an operator.

    Attributes:
        func: the operator.
        args: the arguments, with a :class:`Signal` for each probed tensor.
        kwargs: the keyword arguments, likewise.
        gates: whether paths that lost their position are followed.
        doubts: facts that the probe cannot verify; rules add to it.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    gates: bool
    doubts: dict[str, None] = field(default_factory=dict)

    def on(self, signal: Signal) -> Call:
        """Return a copy with a different first argument."""
        return replace(self, args=(signal, *self.args[1:]))

    @property
    def schema(self) -> Any:
        """The names and defaults of the arguments."""
        return self.func._schema  # noqa: SLF001 -- torch has no public way

    @property
    def name(self) -> str:
        """The name of the operator, such as ``mean``; an in-place operator has the name of its out-of-place form."""
        plain = str(self.schema.name).rpartition("::")[2]
        return plain.removesuffix("_") if self.schema.is_mutable else plain

    @property
    def overload(self) -> str:
        """The name and variant, such as ``max.dim``."""
        return f"{self.name}.{self.schema.overload_name}"

    def has(self, name: str) -> bool:
        """Return whether the operator has such an argument."""
        return any(argument.name == name for argument in self.schema.arguments)

    def get(self, *names: str) -> Any:
        """Return the first of these arguments that the operator has; None if it has none."""
        for position, argument in enumerate(self.schema.arguments):
            if argument.name in names:
                default = argument.default_value if argument.has_default_value() else None
                return self.args[position] if position < len(self.args) else self.kwargs.get(argument.name, default)
        return None

    @property
    def signals(self) -> list[Signal]:
        """Return all arguments in order."""
        return [leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Signal)]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the signal of every tensor among the arguments."""
        leaves = tree_leaves((self.args, self.kwargs))
        return [tuple(leaf.shape) for leaf in leaves if isinstance(leaf, Tensor | Signal)]

    def merge(self, paths: Sequence[Any], shape: Sequence[int]) -> Signal:
        """Join the paths that are signals, with or without gates."""
        return merge([path for path in paths if isinstance(path, Signal)], shape, gates=self.gates)

    def average(self, signal: Signal, dims: Sequence[int], *, keepdim: bool = True) -> Signal:
        """Average over some axes; an average over all positions along an axis of the image loses the position."""
        found = signal.mean(dims, keepdim=keepdim)
        return found if self.gates or signal.lost or not signal.ends(dims) else replace(found, lost=True)

    def blend(self, paths: Sequence[Any], shape: Sequence[int]) -> Signal:
        """Join paths position by position; without gates, a path that repeats along another's positions ends here."""
        signals = [path for path in paths if isinstance(path, Signal)]
        return self.merge(signals if self.gates else own_positions(signals), shape)

    def everything(self, shape: Sequence[int]) -> Signal:
        """Let every position of a result read every position of every argument."""
        return self.merge([shared(signal, len(shape)) for signal in self.signals], shape)

    def through(self, func: Any = None) -> Any:
        """Apply the operator to every value, for operators that move, copy or average values.

        Stored values count as zeros, since nothing flows from them.
        """
        signals = self.signals
        runs = [self._on_value(number, func or self.func) for number in range(len(signals[0].values))]
        lost = all(signal.lost for signal in signals)
        if isinstance(runs[0], Tensor):
            return Signal(tuple(runs), lost)
        return [Signal(values, lost) for values in zip(*runs, strict=True)]

    def _on_value(self, number: int, func: Any) -> Any:
        args, kwargs = tree_map(lambda leaf: _value(leaf, number), (self.args, self.kwargs))
        return func(*args, **kwargs)

    def on_numbers(self) -> Any:
        """Run the operator on the actual values, for shapes and for results that are positions or flags."""
        args, kwargs = tree_map(_number, (self.args, self.kwargs))
        with torch.no_grad():
            return self.func(*args, **kwargs)


def shared(signal: Signal, rank: int) -> Signal:
    """Return the average of a signal, broadcastable to any shape of ``rank`` axes."""
    ones = [1] * rank
    return replace(signal.mean(()).each(lambda value: value.reshape(ones)), lost=True)


def _value(leaf: Any, number: int) -> Any:
    if isinstance(leaf, Signal):
        return leaf.values[number]
    if isinstance(leaf, Tensor):
        flowing = leaf.is_floating_point() or leaf.is_complex()
        return torch.zeros((), dtype=torch.float64).expand(leaf.shape) if flowing else leaf.cpu()
    return leaf


def _number(leaf: Any) -> Any:
    if isinstance(leaf, Signal):
        return leaf.values[0].detach().float()
    if isinstance(leaf, Tensor):
        return torch.zeros(leaf.shape, dtype=leaf.dtype) if leaf.is_meta else leaf.detach().cpu()
    return torch.device("cpu") if isinstance(leaf, torch.device) else leaf
