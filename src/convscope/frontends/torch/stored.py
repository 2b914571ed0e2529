"""Tensors of a run that do not depend on the input: weights, buffers, masks, and what is made from them."""

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
"""Numbers up to which such a tensor is worked out at once; larger ones when asked for."""

PRODUCTS = {
    "linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "conv1d", "conv2d", "conv3d", "convolution",
    "scaled_dot_product_attention",
}  # fmt: skip
"""Operations that multiply and add, of which the work is counted where they are done on constants too."""


class NumbersLostError(Exception):
    """Code made a tensor of numbers where the input is, which has none."""


class Stored:
    """What is known of tensors that do not depend on the input, by identity.

    Args:
        roots: learned tensors, by identity.
        real: everything is computed, so that nothing is put off.
        keep: called with a tensor before its numbers change for the first time.
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
        """Learned tensors that a tensor is made from."""
        return self._roots.get(id(tensor), ())

    def const(self, tensor: Tensor) -> Const:
        """A tensor for a rule, with its numbers as they are now."""
        key = id(tensor)
        later = self._later.get(key)
        box = self._lend(tensor)

        def load() -> NDArray[Any]:
            numbers = later() if later else box[0]
            if numbers.is_meta:
                raise ModelError("the model is on the meta device, so it has no values")
            numbers = numbers.detach().cpu()
            numbers = numbers.dequantize() if numbers.is_quantized else numbers
            found: NDArray[Any] = (numbers.float() if numbers.is_floating_point() else numbers).numpy()
            return found

        return Const(tuple(tensor.shape), load, self._roots.get(key, ()), self._work.get(key, ()))

    def _lend(self, tensor: Tensor) -> list[Tensor]:
        """A position from which the numbers of a tensor can be had that it has now."""
        box = [tensor]
        self._alive.append(tensor)
        self._just_lent.append(box)
        return box

    def before_change(self, tensor: Tensor) -> None:
        """Numbers are about to change: who was lent them keeps those that were there."""
        if tensor.is_meta:
            return
        self.keep(tensor)
        for box in self._just_lent:  # by their memory only now: most are never changed
            if not box[0].is_meta:
                self._lent.setdefault(memory_of(box[0]), []).append(box)
        self._just_lent.clear()
        for box in self._lent.pop(memory_of(tensor), ()):
            box[0] = box[0].clone()

    def made(self, call: Call, related: Iterable[Tensor]) -> Any:
        """What an operation makes of such tensors: worked out, where it is small.

        Args:
            call: the operation.
            related: tensors that share the memory of the one that it changes in place.
        """
        if call.name in {"lift_fresh", "detach"} and call.args[0].is_meta and not self.knows(call.args[0]):
            raise NumbersLostError
        call = call.off_meta()
        inputs = call.tensors()
        waits = any(id(one) in self._later or one.is_meta for one in inputs)
        large = sum(one.numel() for one in inputs) > SMALL and not call.in_place
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
        """A tensor is learned, or made of stored ones, or to be made."""
        return id(tensor) in self._later or id(tensor) in self._roots

    def _inherit(self, call: Call, inputs: list[Tensor], made: Any) -> None:
        """What is made from learned tensors remembers them, and the work."""
        roots = tuple(dict.fromkeys(root for one in inputs for root in self._roots.get(id(one), ())))
        work = tuple(dict.fromkeys(done for one in inputs for done in self._work.get(id(one), ())))
        if call.name in PRODUCTS:
            with FlopCounterMode(display=False) as counter:
                call.on_meta()
            work = (*work, (("work", len(self._alive)), counter.get_total_flops() // 2))
        for tensor in flat([made]) if roots or work else ():
            if isinstance(tensor, Tensor):
                self._roots[id(tensor)] = roots
                self._work[id(tensor)] = work
                self._alive.append(tensor)

    def _put_off(self, call: Call, made: Any) -> None:
        """Remember how tensors are made that are too large to make now."""
        tensors = call.tensors()
        before = {id(one): self._later.get(id(one)) for one in tensors}
        boxes = {id(one): self._lend(one) for one in tensors}

        def now(arg: Any) -> Any:
            if isinstance(arg, Tensor):
                later = before[id(arg)]
                return later() if later else boxes[id(arg)][0]
            return [now(one) for one in arg] if isinstance(arg, list | tuple) else arg

        def work() -> Any:
            with torch.no_grad():  # tensors that were made while the model was read take no gradients
                ready = [now(arg) for arg in call.args]
                if call.in_place:
                    ready[0] = ready[0].clone()
                return call.func(*ready, **{key: now(arg) for key, arg in call.kwargs.items()})

        inputs = set() if call.in_place else set(map(id, tensors))  # what gives its argument back makes nothing
        for at, tensor in enumerate(flat([made])):
            if isinstance(tensor, Tensor) and id(tensor) not in inputs:
                self._alive.append(tensor)
                self._later[id(tensor)] = partial(_nth, work, at)


def _lost() -> Tensor:
    raise ModelError("the values of a tensor that the model changes part by part, in place, are unknown")


def _nth(work: Callable[[], Any], at: int) -> Tensor:
    found: Tensor = list(flat([work()]))[at]
    return found
