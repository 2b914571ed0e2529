"""Runs a module on signals: a dispatch mode that gives every operator of torch to its rule.

The module computes with :class:`Shadow` tensors, which have the type, shape and device that its own tensors would have
and no memory. Behind each stands a signal, on which autograd records. Stored tensors are never written to: what the
module would write into one of them flows into a signal in its place.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import flop_registry

from convscope.verification import rules, rules_mixing, rules_windows
from convscope.verification.call import Call
from convscope.verification.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import nn

__all__ = ["Flow", "Shadow", "rules_mixing", "rules_windows"]

_PYTHON = torch._C.DispatchKeySet(torch._C.DispatchKey.Python) | torch._C.DispatchKeySet(  # noqa: SLF001 -- see _outside
    torch._C.DispatchKey.PythonTLSSnapshot  # noqa: SLF001 -- as above
)

_TO_COMPLEX = {"_fft_r2c", "view_as_complex", "polar", "complex"}
_TO_REAL = {"_fft_c2r", "view_as_real", "abs", "angle"}


class Shadow(Tensor):
    """What the module sees of a signal: shape, type and device, no numbers."""

    signal: Signal
    root: Shadow | None
    """Of a view: what it looks at, where that repeats."""
    views: list[ref[Shadow]]
    """All views of it, and views of these, in the order in which they were made."""
    again: Callable[[], Signal]
    """Of a view: makes it anew."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment] # noqa: SLF001 -- the documented idiom

    @staticmethod
    def __new__(cls, signal: Signal, dtype: torch.dtype, device: torch.device) -> Shadow:
        """A tensor without memory."""
        value = signal.values[0]
        strides = None if signal.repeats else value.stride()
        made: Shadow = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined] # noqa: SLF001 -- as above
            cls, value.shape, strides=strides, dtype=dtype, device=device
        )
        made.signal, made.root, made.views = signal, None, []
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ARG003
        """Only a probe can work with it."""
        raise RuntimeError(f"{func} outside of the probe")

    def __repr__(self, **_: Any) -> str:  # type: ignore[override] # torch's takes contents that this has not
        return f"Shadow({tuple(self.shape)}, {self.dtype})"


@contextmanager
def _outside() -> Iterator[None]:
    """Plain torch with autograd, from within a dispatch mode."""
    with ExitStack() as stack:
        stack.enter_context(torch.overrides.enable_reentrant_dispatch())
        # torch brings back the keys that were there before the mode was asked; the mode's own must stay away
        stack.enter_context(torch._C._ExcludeDispatchKeyGuard(_PYTHON))  # noqa: SLF001 -- no public name
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        yield


class Flow(TorchDispatchMode):
    """Gives every operator that meets a signal to its rule, and every other to torch.

    Args:
        module: whose tensors must stay as they are.
        gates: follow paths that lost their place.
        width: values of a signal.

    Attributes:
        doubts: what the probe cannot vouch for, in the order in which it was met.
        macs: multiply-adds so far, by the formulas of torch's own counter [MAC].
        stored_macs: those of them that do not depend on the input [MAC].
    """

    def __init__(self, module: nn.Module, *, gates: bool, width: int) -> None:
        super().__init__()
        self.gates = gates
        self.width = width
        self.doubts: dict[str, None] = {}
        self.macs = self.stored_macs = 0
        stored = (tensor for source in (module.parameters(), module.buffers()) for tensor in source)
        self._stored = {_memory(tensor): tensor for tensor in stored}
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._written: dict[int, tuple[Tensor, Signal]] = {}

    def restore(self) -> None:
        """Give stored tensors back the numbers that the module changed."""
        for tensor, before in self._before.values():
            tensor.data.copy_(before)

    def _flows(self, tensor: Tensor) -> bool:
        return isinstance(tensor, Shadow) or (bool(self._written) and _memory(tensor) in self._written)

    def signal(self, tensor: Tensor) -> Signal | None:
        """What flows into a tensor; None where it is a stored one."""
        if isinstance(tensor, Shadow):
            return tensor.signal
        written = self._written.get(_memory(tensor)) if self._written else None
        if written is None:
            return None
        place = tensor.size(), tensor.stride(), tensor.storage_offset()
        return written[1].each(lambda value: value.as_strided(*place))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ARG002
        """One operator."""
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        in_place = func._schema.is_mutable and func._schema.name.endswith("_")  # noqa: SLF001 -- see Call.schema
        if any(map(self._flows, tensors)):
            with _outside():
                found = (
                    self._write(func, args, kwargs) if in_place else self._compute(func, args, kwargs, tensors)
                )
        else:
            found = self._plainly(func, args, kwargs, in_place=in_place)
        count = flop_registry.get(func.overloadpacket)
        if count:
            products = count(*args, **kwargs, out_val=found) // 2
            self.macs += products
            self.stored_macs += 0 if any(map(self._flows, tensors)) else products
        return found

    def _plainly(self, func: Any, args: Any, kwargs: Any, *, in_place: bool) -> Any:
        """An operator on stored tensors alone."""
        if in_place and isinstance(args[0], Tensor):
            stored = self._stored.get(_memory(args[0]))
            if stored is not None and _memory(stored) not in self._before:
                self._before[_memory(stored)] = stored, stored.detach().clone()
        return func(*args, **kwargs)

    def _compute(self, func: Any, args: Any, kwargs: Any, tensors: Sequence[Tensor]) -> Any:
        call = self._call(func, args, kwargs)
        made = rules.find(call)
        found = made(call)
        like = next(filter(self._flows, tensors))
        dtype = _dtype(call, tensors)

        def shadow(result: Any) -> Any:
            if isinstance(result, Signal):
                return Shadow(result, dtype, like.device)
            return result if like.is_meta or not isinstance(result, Tensor) else result.to(like.device)

        if not isinstance(found, list | tuple):
            return self._linked(shadow(found), args[0], lambda signal: made(call.on(signal)), view=func.is_view)
        many = [
            self._linked(shadow(result), args[0], lambda signal, at=at: made(call.on(signal))[at], view=func.is_view)
            for at, result in enumerate(found)
        ]
        return many if len(call.schema.returns) == 1 else tuple(many)

    def _linked(self, result: Any, base: Any, again: Callable[[Signal], Signal], *, view: bool) -> Any:
        """Remember how a view was made of what repeats: see :func:`_settle`."""
        if view and isinstance(result, Shadow) and isinstance(base, Shadow) and base.signal.repeats:
            root = base if base.root is None else base.root
            result.root, result.again = root, lambda: again(base.signal)
            root.views.append(ref(result))
        return result

    def _write(self, func: Any, args: Any, kwargs: Any) -> Any:
        """An operator that writes into its first argument."""
        target = args[0]
        if not self._flows(target):
            self._follow(target)
        if isinstance(target, Shadow):
            _settle(target if target.root is None else target.root)
        call = self._call(func, args, kwargs)
        made = rules.find(call)
        if torch.Tag.inplace_view in func.tags:
            target.signal = call.through(getattr(torch.ops.aten, call.name))
            with no_dispatch():
                func(*args, **kwargs)
        elif made is rules.through:
            if isinstance(target, Shadow):
                target.signal = target.signal.own()
                call = self._call(func, args, kwargs)
            call.through()
        elif len(call.signals) > 1 or made is not rules.pointwise:
            self._put(target, made(call))
        return target

    def _put(self, target: Tensor, found: Signal) -> None:
        mine = self.signal(target)
        assert mine is not None
        if mine.repeats and isinstance(target, Shadow):
            target.signal = found
            return
        for value, new in zip(mine.values, found.values, strict=True):
            value.copy_(new)

    def _follow(self, tensor: Tensor) -> None:
        """From now on something flows into a stored tensor, or into one that the module made."""
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        values = tuple(torch.zeros(size, dtype=torch.float64) for _ in range(self.width))
        self._written[_memory(tensor)] = tensor, Signal(values)

    def _call(self, func: Any, args: Any, kwargs: Any) -> Call:
        def signal(leaf: Any) -> Any:
            return (self.signal(leaf) or leaf) if isinstance(leaf, Tensor) else leaf

        args, kwargs = tree_map(signal, (tuple(args), kwargs))
        return Call(func, args, kwargs, self.gates, self.doubts)


def _settle(root: Shadow) -> None:
    """Give what repeats memory of its own, and its views a part of it, so that one of them can be written to.

    Writing is rare. What repeats stays small until then.
    """
    if root.views and root.signal.repeats:
        root.signal = root.signal.own()
        for link in root.views:
            view = link()
            if view is not None:
                view.signal = view.again()


def _memory(tensor: Tensor) -> int:
    """Tensors of one memory have the same number."""
    return 0 if isinstance(tensor, Shadow) else tensor.untyped_storage()._cdata  # noqa: SLF001 -- as torch itself does


def _dtype(call: Call, tensors: Sequence[Tensor]) -> torch.dtype:
    """The type that the module expects of a result."""
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
