"""Running a module on signals: a dispatch mode that passes every torch operator to its rule.

Autograd records on the signals, whatever gradient settings the module uses. Stored tensors keep their values: a write
into one of them goes to a signal instead.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import flop_registry

from convscope.verification import rules, rules_mixing, rules_windows
from convscope.verification.call import Call
from convscope.verification.shadow import Shadow
from convscope.verification.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Make = Callable[[Signal], Any]

__all__ = ["Flow", "rules_mixing", "rules_windows"]

_KEYS = (torch._C.DispatchKey.Python, torch._C.DispatchKey.PythonTLSSnapshot)  # noqa: SLF001 -- it has no public name
_PYTHON = torch._C.DispatchKeySet(_KEYS[0]) | torch._C.DispatchKeySet(_KEYS[1])  # noqa: SLF001 -- as above

_TO_COMPLEX = {"_fft_r2c", "view_as_complex", "polar", "complex"}
_TO_REAL = {"_fft_c2r", "view_as_real", "abs", "angle"}


@contextmanager
def _outside() -> Iterator[None]:
    """Run plain torch with autograd from within a dispatch mode."""
    with ExitStack() as stack:
        stack.enter_context(torch.overrides.enable_reentrant_dispatch())
        # torch restores the keys from before the mode was called; the mode's own must stay excluded
        stack.enter_context(torch._C._ExcludeDispatchKeyGuard(_PYTHON))  # noqa: SLF001 -- as above
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        yield


class Flow(TorchDispatchMode):
    """Passes every operator with a signal to its rule, and every other to torch.

    Args:
        stored: tensors that must keep their values.
        gates: whether paths that lost their position are followed.
        width: number of values of a signal.

    Attributes:
        doubts: facts that the probe cannot verify, in order.
        macs: multiply-adds so far, by torch's own formulas [MAC].
        stored_macs: the part of them that does not depend on the input [MAC].
    """

    def __init__(self, stored: Iterable[Tensor], *, gates: bool, width: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch's own
        self.gates: bool = gates
        self.width: int = width
        self.doubts: dict[str, None] = {}
        self.macs: int = 0
        self.stored_macs: int = 0
        self._stored = {_memory(tensor): tensor for tensor in stored}
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._written: dict[int, tuple[Tensor, Signal]] = {}
        self._numbers: dict[int, Tensor] = {}

    def restore(self) -> None:
        """Restore values of constants that the module changed."""
        for tensor, before in self._before.values():
            tensor.data.copy_(before)

    def signal(self, tensor: Tensor) -> Signal | None:
        """Return the signal of a tensor; None for a stored one."""
        if isinstance(tensor, Shadow):
            return tensor.signal
        written = self._written.get(_memory(tensor)) if self._written else None
        if written is None:
            return None
        position = tensor.size(), tensor.stride(), tensor.storage_offset()
        return written[1].each(lambda value: value.as_strided(*position))

    def _flows(self, tensor: Tensor) -> bool:
        return isinstance(tensor, Shadow) or (bool(self._written) and _memory(tensor) in self._written)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operator."""
        kwargs = kwargs or {}
        tensors = _tensors((args, kwargs))
        flows = any(map(self._flows, tensors))
        in_place = func._schema.is_mutable and func._schema.name.endswith("_")  # noqa: SLF001 -- see Call.schema
        if flows:
            with _outside():
                found = self._write(func, args, kwargs) if in_place else self._compute(func, args, kwargs, tensors)
        else:
            found = self._plainly(func, args, kwargs, in_place=in_place)
        count = flop_registry.get(func.overloadpacket)
        if count:
            products = count(*args, **kwargs, out_val=found) // 2
            self.macs += products
            self.stored_macs += 0 if flows else products
        return found

    def _plainly(self, func: Any, args: Any, kwargs: Any, *, in_place: bool) -> Any:
        """Run an operator on constants only."""
        if in_place and isinstance(args[0], Tensor):
            stored = self._stored.get(_memory(args[0]))
            if stored is not None and _memory(stored) not in self._before:
                self._before[_memory(stored)] = stored, stored.detach().clone()
        found = func(*args, **kwargs)
        if self._numbers and any(_memory(tensor) in self._numbers for tensor in _tensors((args, kwargs))):
            self._remember(found)
            if not isinstance(found, Tensor | list | tuple):
                self.doubts[rules.DECIDES] = None
        return found

    def _remember(self, found: Any) -> None:
        """Compute positions and flags from signals; the module should not branch on them."""
        self._numbers |= {_memory(tensor): tensor for tensor in _tensors(found)}

    def _compute(self, func: Any, args: Any, kwargs: Any, tensors: Sequence[Tensor]) -> Any:
        """Run an operator that returns a new tensor or a view."""
        if "out" in kwargs:
            raise NotImplementedError(f"the probe cannot follow {func}")
        call = self._call(func, args, kwargs)
        made = rules.find(call)
        found = made(call)
        self._remember(found)
        like = next(filter(self._flows, tensors))
        shadow = _Maker(_dtype(call, tensors), like.device, args[0] if func.is_view else None)
        if not isinstance(found, list | tuple):
            return shadow.make(found, lambda signal: made(call.on(signal)))
        many = [shadow.make(result, _entry(made, call, at)) for at, result in enumerate(found)]
        return many if len(call.schema.returns) == 1 else tuple(many)

    def _write(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator that writes into its first argument."""
        target = args[0]
        if not self._flows(target):
            self._follow(target)
        if isinstance(target, Shadow):
            target.settle()
        call = self._call(func, args, kwargs)
        made = rules.find(call)
        if torch.Tag.inplace_view in func.tags:
            _turn(target, call)
            with no_dispatch():
                func(*args, **kwargs)
        elif made is rules.through:
            if isinstance(target, Shadow):
                target.signal = target.signal.own()
            self._call(func, args, kwargs).through()
        elif len(call.signals) > 1 or made is not rules.pointwise:
            self._put(target, made(call))
        return target

    def _put(self, target: Tensor, found: Signal) -> None:
        mine = self.signal(target)
        assert mine is not None
        if isinstance(target, Shadow):
            target.signal = found if mine.repeats else Signal(mine.values, found.lost)
        if not mine.repeats:
            for value, new in zip(mine.values, found.values, strict=True):
                value.copy_(new)

    def _follow(self, tensor: Tensor) -> None:
        """Attach a signal to a constant, or to a tensor that the module made."""
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        values = tuple(torch.zeros(size, dtype=torch.float64) for _ in range(self.width))
        self._written[_memory(tensor)] = tensor, Signal(values)

    def _call(self, func: Any, args: Any, kwargs: Any) -> Call:
        def signal(leaf: Any) -> Any:
            return (self.signal(leaf) or leaf) if isinstance(leaf, Tensor) else leaf

        args, kwargs = tree_map(signal, (tuple(args), kwargs))
        return Call(func, args, kwargs, self.gates, self.doubts)


class _Maker:
    """Wraps results for the module."""

    def __init__(self, dtype: torch.dtype, device: torch.device, base: Any) -> None:
        self.dtype, self.device = dtype, device
        self.base = base if isinstance(base, Shadow) and base.signal.repeats else None

    def make(self, result: Any, again: Make) -> Any:
        """Return a shadow for a signal; return positions and flags as is, on the device of the module."""
        if isinstance(result, Signal):
            shadow = Shadow(result, self.dtype, self.device)
            if self.base is not None:
                shadow.link(self.base, again)
            return shadow
        return result.to(self.device) if isinstance(result, Tensor) and self.device.type != "meta" else result


def _entry(made: rules.Rule, call: Call, at: int) -> Make:
    """Recomputes one of several results."""
    return lambda signal: made(call.on(signal))[at]


def _turn(target: Tensor, call: Call) -> None:
    """Replace a tensor with a view of it, as ``unsqueeze_`` does."""
    if not isinstance(target, Shadow):
        raise NotImplementedError(f"the probe cannot follow {call.func} on a tensor that was written to")
    target.signal = call.through(getattr(torch.ops.aten, call.name))


def _tensors(given: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> int:
    """Return a number that is equal for tensors of one memory; shadows have none."""
    return 0 if isinstance(tensor, Shadow) else tensor.untyped_storage()._cdata  # noqa: SLF001 -- as in torch itself


def _dtype(call: Call, tensors: Sequence[Tensor]) -> torch.dtype:
    """Return the type that the module expects for a result."""
    given = call.get("dtype")
    if isinstance(given, torch.dtype):
        return given
    kinds = [tensor.dtype for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()]
    kind = kinds[0]
    for other in kinds[1:]:
        kind = torch.promote_types(kind, other)
    if call.name in _TO_COMPLEX:
        return kind.to_complex()
    return kind.to_real() if call.name in _TO_REAL else kind
