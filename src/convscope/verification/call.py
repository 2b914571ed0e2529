"""One call of a torch operator as a rule sees it: arguments by name, tensors under the probe as signals."""

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
    """An operator with its arguments.

    Attributes:
        func: the operator.
        args: as called, with a :class:`Signal` for each tensor under the probe.
        kwargs: as above.
        gates: follow paths that lost their place.
        doubts: what the probe cannot vouch for; rules add to it.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    gates: bool
    doubts: dict[str, None] = field(default_factory=dict)

    def on(self, signal: Signal) -> Call:
        """The same with another first argument."""
        return replace(self, args=(signal, *self.args[1:]))

    @property
    def schema(self) -> Any:
        """Names and defaults of the arguments."""
        return self.func._schema  # noqa: SLF001 -- torch has no other way to tell them

    @property
    def name(self) -> str:
        """Of the operator, such as ``mean``; one that writes in place has the name of the one that does not."""
        plain = str(self.schema.name).rpartition("::")[2]
        return plain.removesuffix("_") if self.schema.is_mutable else plain

    @property
    def overload(self) -> str:
        """Name and variant, such as ``max.dim``."""
        return f"{self.name}.{self.schema.overload_name}"

    def has(self, name: str) -> bool:
        """Whether the operator has such an argument."""
        return any(argument.name == name for argument in self.schema.arguments)

    def get(self, *names: str) -> Any:
        """The first of these arguments that the operator has; None where it has none of them."""
        for position, argument in enumerate(self.schema.arguments):
            if argument.name in names:
                default = argument.default_value if argument.has_default_value() else None
                return self.args[position] if position < len(self.args) else self.kwargs.get(argument.name, default)
        return None

    @property
    def signals(self) -> list[Signal]:
        """All of them, in order."""
        return [leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Signal)]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of every tensor among the arguments."""
        leaves = tree_leaves((self.args, self.kwargs))
        return [tuple(leaf.shape) for leaf in leaves if isinstance(leaf, Tensor | Signal)]

    def merge(self, paths: Sequence[Any], shape: Sequence[int]) -> Signal:
        """Join those of the paths that are signals, by the question that is asked."""
        return merge([path for path in paths if isinstance(path, Signal)], shape, gates=self.gates)

    def average(self, signal: Signal, dims: Sequence[int], *, keepdim: bool = True) -> Signal:
        """The average over some axes; one that takes in all positions along an axis of the image loses the position."""
        found = signal.mean(dims, keepdim=keepdim)
        return found if self.gates or signal.lost or not signal.ends(dims) else replace(found, lost=True)

    def blend(self, paths: Sequence[Any], shape: Sequence[int]) -> Signal:
        """Join paths position by position; without gates, one that repeats along those of another ends here."""
        signals = [path for path in paths if isinstance(path, Signal)]
        return self.merge(signals if self.gates else own_positions(signals), shape)

    def everything(self, shape: Sequence[int]) -> Signal:
        """Every position of a result reads every position of every argument."""
        return self.merge([shared(signal, len(shape)) for signal in self.signals], shape)

    def through(self, func: Any = None) -> Any:
        """Do the same to every value: right for what moves, copies or averages numbers.

        Stored numbers count as zeros, since nothing flows from them.
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
        """What the operator gives on the numbers at hand: for shapes, and for results that are positions or flags."""
        args, kwargs = tree_map(_number, (self.args, self.kwargs))
        with torch.no_grad():
            return self.func(*args, **kwargs)


def shared(signal: Signal, rank: int) -> Signal:
    """The average of a signal, to be repeated to any shape of ``rank`` axes."""
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
