"""Running a module in evaluation mode and leaving it exactly unchanged."""

from __future__ import annotations

import gc
from collections import OrderedDict
from contextlib import ExitStack, contextmanager
from functools import cached_property
from operator import is_
from typing import TYPE_CHECKING, Any

import torch

from convscope.frontends.torch.call import memory_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn


class Kept:
    """The original values of constants that are changed.

    Args:
        tensors: tensors of the module; others may change.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self.tensors = list(tensors)
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    @cached_property
    def _mine(self) -> dict[int, Tensor]:
        return {memory_of(one): one for one in self.tensors if one.device.type != "meta"}

    def keep(self, tensor: Tensor) -> None:
        """Remember the values of the module's tensor whose memory this one shares, if any."""
        key = memory_of(tensor)
        if key in self._mine and key not in self._before:
            self._before[key] = self._mine[key], self._mine[key].detach().clone()

    def keep_all(self) -> None:
        """Remember all values."""
        for one in self._mine.values():
            self.keep(one)

    def changed(self) -> list[Tensor]:
        """Return tensors of the module whose values have changed."""
        return [tensor for tensor, before in self._before.values() if not torch.equal(tensor, before)]

    def put_back(self) -> None:
        """Restore all values."""
        for tensor in self.changed():
            tensor.detach().copy_(self._before[memory_of(tensor)][1])


HOLDERS: set[type[Any]] = {dict, OrderedDict, list, set}
"""Types of attributes that contain others: weights, submodules, hooks, caches."""


class _Attributes:
    """Record the attributes of a module, and the content of containers."""

    __slots__ = ("all", "empty", "filled", "own")

    def __init__(self, module: nn.Module) -> None:
        self.own: dict[str, Any] = module.__dict__
        self.all = self.own.copy()
        holders = [one for one in self.all.values() if one.__class__ in HOLDERS]
        self.filled = [(one, one.copy()) for one in holders if one]
        self.empty = [one for one in holders if not one]

    def put_back(self) -> None:
        """Restore every attribute."""
        own = self.own
        if not _same(own, self.all):
            for name in own.keys() - self.all.keys():
                del own[name]
            own.update(self.all)
        for one in filter(None, self.empty):
            one.clear()
        for one, before in self.filled:
            if not _same(one, before):
                one.clear()
                one.extend(before) if isinstance(one, list) else one.update(before)


def _same(now: Any, before: Any) -> bool:
    """Return whether it has identical entries in the same order."""
    if len(now) != len(before) or not all(map(is_, now, before)):
        return False
    return not isinstance(now, dict) or all(map(is_, now.values(), before.values()))


@contextmanager
def untouched(modules: list[nn.Module], kept: Kept) -> Iterator[None]:
    """Use evaluation mode without gradients; restore every module and torch's random state afterwards."""
    fast = torch.backends.mha.get_fastpath_enabled()
    attributes = [_Attributes(one) for one in modules]
    modes = [one for one in modules if one.training]
    with ExitStack() as undo:
        undo.callback(torch.backends.mha.set_fastpath_enabled, value=fast)
        undo.callback(_set_modes, modes, training=True)
        _set_modes(modes, training=False)
        undo.callback(_put_back, attributes)
        _let_pass(modules)
        undo.enter_context(torch.random.fork_rng(devices=[]))
        undo.enter_context(torch.inference_mode())
        undo.callback(kept.put_back)
        torch.backends.mha.set_fastpath_enabled(value=False)
        yield


def _let_pass(modules: Iterable[nn.Module]) -> None:
    """Disable observers of torch's quantisation, and ranges that move with their input.

    Their work is not part of the net.
    """
    for one in modules:
        kinds = {kind.__name__ for kind in type(one).__mro__}
        watches: Any = getattr(one, "observer_enabled", None)
        moves = "FakeQuantizeBase" in kinds and bool(watches.any())
        if "ObserverBase" in kinds or moves:
            one.__dict__["forward"] = _given


def _given(x: Tensor) -> Tensor:
    return x


def _put_back(attributes: list[_Attributes]) -> None:
    for before in attributes:
        before.put_back()


def _set_modes(modules: list[nn.Module], *, training: bool) -> None:
    for one in modules:
        if "training" in one.__dict__:
            one.__dict__["training"] = training  # bypasses nn.Module's own check of attributes
        else:
            one.training = training  # compiled and scripted modules store it elsewhere


@contextmanager
def uncollected() -> Iterator[None]:
    """Disable cyclic garbage collection, which traverses all of torch and takes longer than a run."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
