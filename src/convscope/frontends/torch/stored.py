"""Constants of a run: weights, buffers, masks, and tensors that are computed from them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from convscope.errors import ModelError
from convscope.frontends.tensors.values import Const
from convscope.frontends.torch.call import Call, flat, memory_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from numpy.typing import NDArray

    from convscope.frontends.tensors.values import Root

SMALL = 2**20
"""The most values of a constant that is computed eagerly; larger ones are computed on demand."""

PRODUCTS = {
    "linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "conv1d", "conv2d", "conv3d", "convolution",
    "scaled_dot_product_attention",
}  # fmt: skip
"""Operations with multiply-adds, which are counted on constants, too."""


class NumbersLostError(Exception):
    """Raised if code created a tensor of values on the meta device."""


class Stored:
    """The constants of a run, by identity.

    Args:
        roots: learned tensors, by identity.
        real: whether everything is computed, so that nothing is deferred.
        keep: called with a tensor before its values change for the first time.
    """

    def __init__(self, roots: dict[int, Root], *, real: bool, keep: Callable[[Tensor], None]) -> None:
        self.real, self.keep = real, keep
        self._roots: dict[int, tuple[Root, ...]] = {key: (root,) for key, root in roots.items()}
        self._later: dict[int, Callable[[], Tensor]] = {}
        self._work: dict[int, tuple[tuple[Hashable, int], ...]] = {}
        self._alive: list[Tensor] = []
        self._lent: dict[int, list[list[Tensor]]] = {}
        self._just_lent: list[list[Tensor]] = []

    def roots(self, tensor: Tensor) -> tuple[Root, ...]:
        """Return the learned tensors from which a tensor is made."""
        return self._roots.get(id(tensor), ())

    def const(self, tensor: Tensor) -> Const:
        """Return a constant for a rule, with its current values."""
        key = id(tensor)
        later = self._later.get(key) if self._later else None
        box = self._lend(tensor)

        def load() -> NDArray[Any]:
            numbers = later() if later else box[0]
            if numbers.is_meta:
                raise ModelError("the model is on the meta device, so it has no values")
            numbers = numbers.detach().cpu()
            numbers = numbers.dequantize() if numbers.is_quantized else numbers
            found: NDArray[Any] = (numbers.float() if numbers.is_floating_point() else numbers).numpy()
            return found

        return Const(tuple(tensor.shape), load, self._roots.get(key, ()), self._work.get(key, ()) if self._work else ())

    def _lend(self, tensor: Tensor) -> list[Tensor]:
        """Return a holder for the current values of a tensor."""
        box = [tensor]
        self._alive.append(tensor)
        self._just_lent.append(box)
        return box

    def before_change(self, tensor: Tensor) -> None:
        """Preserve the current values for their holders before a change."""
        if tensor.is_meta:
            return
        self.keep(tensor)
        for box in self._just_lent:  # indexed by memory only now, since most are never changed
            if not box[0].is_meta:
                self._lent.setdefault(memory_of(box[0]), []).append(box)
        self._just_lent.clear()
        for box in self._lent.pop(memory_of(tensor), ()):
            box[0] = box[0].clone()

    def made(self, call: Call, related: Iterable[Tensor]) -> Any:
        """Return the result of an operation on constants, computed if it is small.

        Args:
            call: the operation.
            related: tensors that share the memory of the one that it changes in place.
        """
        if call.name in {"lift_fresh", "detach"} and call.args[0].is_meta and not self.knows(call.args[0]):
            raise NumbersLostError
        call = call.off_meta()
        inputs = call.tensors()
        waits = any(id(one) in self._later or one.is_meta for one in inputs)
        large = sum([one.numel() for one in inputs]) > SMALL and not call.in_place
        if (waits or (large and not self.real)) and inputs:
            found = call.on_meta()
            made = call.args[0] if call.in_place else found
            self._put_off(call, made)
            self._later.update((id(one), _lost) for one in related)
        else:
            if call.in_place:
                self.before_change(call.args[0])
            made = call.run()
        self._inherit(call, inputs, made)
        return made

    def knows(self, tensor: Tensor) -> bool:
        """Return whether a tensor is learned, computed from stored ones, or deferred."""
        return id(tensor) in self._later or id(tensor) in self._roots

    def _inherit(self, call: Call, inputs: list[Tensor], made: Any) -> None:
        """What is made from learned tensors remembers them, and the work."""
        counts = call.name in PRODUCTS
        if not counts and not any(id(one) in self._roots or id(one) in self._work for one in inputs):
            return
        roots = tuple(dict.fromkeys(root for one in inputs for root in self._roots.get(id(one), ())))
        work = tuple(dict.fromkeys(done for one in inputs for done in self._work.get(id(one), ())))
        if counts:
            with FlopCounterMode(display=False) as counter:
                call.on_meta()
            work = (*work, (("work", len(self._alive)), counter.get_total_flops() // 2))
        for tensor in flat([made]) if roots or work else ():
            if isinstance(tensor, Tensor):
                self._roots[id(tensor)] = roots
                self._work[id(tensor)] = work
                self._alive.append(tensor)

    def _put_off(self, call: Call, made: Any) -> None:
        """Record how to compute tensors that are too large to compute now."""
        tensors = call.tensors()
        before = {id(one): self._later.get(id(one)) for one in tensors}
        boxes = {id(one): self._lend(one) for one in tensors}

        def now(arg: Any) -> Any:
            if isinstance(arg, Tensor):
                later = before[id(arg)]
                return later() if later else boxes[id(arg)][0]
            return [now(one) for one in arg] if isinstance(arg, list | tuple) else arg

        def work() -> Any:
            with torch.no_grad():  # tensors that were created while the model was read have no gradients
                ready = [now(arg) for arg in call.args]
                if call.in_place:
                    ready[0] = ready[0].clone()
                return call.func(*ready, **{key: now(arg) for key, arg in call.kwargs.items()})

        inputs = set() if call.in_place else set(map(id, tensors))  # what returns its argument computes nothing
        for at, tensor in enumerate(flat([made])):
            if isinstance(tensor, Tensor) and id(tensor) not in inputs:
                self._alive.append(tensor)
                self._later[id(tensor)] = partial(_nth, work, at)


def _lost() -> Tensor:
    raise ModelError("the values of a tensor that the model changes part by part, in place, are unknown")


def _nth(work: Callable[[], Any], at: int) -> Tensor:
    found: Tensor = list(flat([work()]))[at]
    return found
