"""A run of a module in which every operation is caught before it computes anything."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from convscope.core.graph import Own
from convscope.core.op import Weight
from convscope.errors import ConvscopeError
from convscope.frontends.build.values import Const, Value, divided, whole
from convscope.frontends.torch.rules import RULES, VIEWS
from convscope.ops.merge import Add
from convscope.ops.opaque import Opaque

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.build.builder import Builder
    from convscope.frontends.build.values import Root

SMALL = 2**20
"""Numbers up to which a tensor that does not depend on the input is worked out at once; larger ones when asked for."""


FILLED = {
    "new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like",
    "randn_like", "rand_like",
}  # fmt: skip
"""Operations that ask a tensor for its size and kind only."""


PRODUCTS = {
    "linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "conv1d", "conv2d", "conv3d", "convolution",
    "scaled_dot_product_attention",
}  # fmt: skip
"""Operations that multiply and add, of which the work is counted where they are done on stored tensors too."""


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch's own is not typed
    """Catches operations and writes them down as layers.

    Tensors that depend on the input have a shape and no numbers, unless ``real``: then everything is computed too, for
    models whose code looks at numbers.

    Attributes:
        builder: takes the layers.
        real: compute.
        unread: names of operations that cannot be looked into.
    """

    def __init__(self, builder: Builder, roots: dict[int, Root], *, real: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # as above
        self.builder, self.real = builder, real
        self.unread: set[str] = set()
        self._roots: dict[int, tuple[Root, ...]] = {key: (root,) for key, root in roots.items()}
        self._values: dict[int, tuple[Tensor, Value]] = {}
        self._bases: dict[int, tuple[Tensor, str, tuple[Any, ...]]] = {}
        self._dirty: set[int] = set()
        self._later: dict[int, Callable[[], Tensor]] = {}
        self._macs: dict[int, int] = {}
        self._alive: list[Tensor] = []

    def bind(self, tensor: Tensor, value: Value) -> Tensor:
        """State what a tensor is."""
        self._values[id(tensor)] = tensor, value
        self._dirty.discard(id(tensor))
        return tensor

    def value(self, tensor: object) -> Value | None:
        """What a tensor is; None for what does not depend on the input."""
        found = self._values.get(id(tensor))
        if found is None:
            return None
        if id(tensor) in self._dirty:
            self.bind(found[0], self.opaque([found[1]], found[1].sizes, Own((), 0)))
        return self._values[id(tensor)][1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        known = _NAMES.get(func)
        if known is None:
            known = _NAMES[func] = _name(func)
        name, in_place = known
        if name in FILLED:
            return func(*map(_on_cpu, args), **{**kwargs, "device": "cpu"})
        if not self._depends(args) and not (kwargs and self._depends(kwargs.values())):
            return self._constant(func, args, kwargs)
        if in_place and name == "copy":
            return self._copied(func, args)
        rule = RULES.get(name)
        if rule is None:
            return self._without_rule(func, name, args, kwargs, in_place=in_place)
        mark = self.builder.mark()
        try:
            ready = [self._ready(arg) for arg in args]
            named = {key: self._ready(arg) for key, arg in kwargs.items()} if kwargs else kwargs
            found = rule(self.builder, *ready, **named)
        except (ConvscopeError, TypeError, ValueError, AssertionError, IndexError, KeyError):
            self.builder.back_to(mark)
            return self._without_rule(func, name, args, kwargs, in_place=in_place, rule=True)
        return self._given_back(func, name, args, kwargs, found, in_place=in_place)

    def _depends(self, args: Iterable[Any]) -> bool:
        """Any of some arguments is a tensor that depends on the input."""
        values = self._values
        return any(
            id(arg) in values if isinstance(arg, Tensor) else isinstance(arg, list | tuple) and self._depends(arg)
            for arg in args
        )

    def _ready(self, arg: Any) -> Any:
        """An argument as a rule takes it."""
        if isinstance(arg, Tensor):
            return self.value(arg) or self.const(arg)
        if isinstance(arg, list | tuple):
            return [self._ready(one) for one in arg]
        return arg

    def const(self, tensor: Tensor) -> Const:
        """A tensor that does not depend on the input, for a rule."""
        key = id(tensor)
        self._alive.append(tensor)
        later = self._later.get(key)

        def load() -> NDArray[Any]:
            numbers = (later() if later else tensor).detach().cpu()
            found: NDArray[Any] = (numbers.float() if numbers.is_floating_point() else numbers).numpy()
            return found

        return Const(tuple(tensor.shape), load, self._roots.get(key, ()), self._macs.get(key, 0))

    def _given_back(  # noqa: PLR0913 -- all that is known of one operation
        self, func: Any, name: str, args: Any, kwargs: Any, found: Any, *, in_place: bool
    ) -> Any:
        """Tensors for the values that a rule found."""
        if in_place:
            if self.real:
                func(*args, **kwargs)
            self._changed(args[0], found)
            return args[0]
        made = func(*args, **kwargs) if self.real else None
        if isinstance(found, Const):
            return torch.zeros(found.sizes) if made is None else made
        if isinstance(found, Value):
            tensor = self.bind(torch.empty(found.sizes, device="meta") if made is None else made, found)
            if name in VIEWS:
                self._bases[id(tensor)] = args[0], name, tuple(args[1:])
            return tensor
        tensors = []
        for at, one in enumerate(found):
            if one is None:  # a second result that nobody should read, such as the last state of a recurrent layer
                tensors.append(made[at] if made is not None else torch.empty(0, device="meta"))
                continue
            tensor = self.bind(torch.empty(one.sizes, device="meta") if made is None else made[at], one)
            if name in VIEWS:
                self._bases[id(tensor)] = args[0], "part", ()
            tensors.append(tensor)
        return tensors if isinstance(found, list) else tuple(tensors)

    def _changed(self, tensor: Tensor, value: Value) -> None:
        """A tensor was changed in place: so is what it is a view of."""
        self.bind(tensor, value)
        base = self._bases.get(id(tensor))
        if base is None or id(base[0]) not in self._values:
            return
        whole_view = math.prod(value.sizes) == math.prod(self._values[id(base[0])][1].sizes)
        before = self._values[id(base[0])][1]
        if base[1] == "slice" and not whole_view:
            patched = self._patched(before, value, base[2])
            if patched:
                self._changed(base[0], patched)
                return
        if whole_view and base[1] in {"alias", "detach", "contiguous", "to"}:
            self._changed(base[0], value)
            return
        self._dirty.add(id(base[0]))

    def _patched(self, base: Value, part: Value, cut: tuple[Any, ...]) -> Value | None:
        """A tensor of which a slice was replaced."""
        given: tuple[Any, ...] = (*cut, *(0, None, None, 1)[len(cut) :])
        at, start, stop, step = given
        size = base.sizes[at]
        first, last, _ = slice(start, stop).indices(size)
        if step != 1:
            return None
        cat, piece = RULES["cat"], RULES["slice"]
        parts = [piece(self.builder, base, at, 0, first)] if first else []
        parts.append(part)
        parts += [piece(self.builder, base, at, last, size)] if last < size else []
        found: Value = cat(self.builder, parts, at)
        return found

    def _copied(self, func: Any, args: Any) -> Any:
        """``target[...] = source``."""
        target = args[0]
        if self.real:
            func(*args)
        before, source = self.value(target), self.value(args[1])
        if before and source:
            self._changed(target, RULES["expand"](self.builder, source, before.sizes))
            return target
        value = self.opaque([one for one in (before, source) if one], tuple(target.shape), Own((), 0))
        self._changed(target, value)
        base = self._bases.get(id(target))
        if (
            base is not None and id(base[0]) not in self._values
        ):  # a stored canvas, of which a part now depends on the input
            self.bind(base[0], self.opaque([value], tuple(base[0].shape), Own((), 0)))
        return target

    def _without_rule(  # noqa: PLR0913 -- all that is known of one operation
        self,
        func: Any,
        name: str,
        args: Any,
        kwargs: Any,
        *,
        in_place: bool,
        rule: bool = False,
    ) -> Any:
        """An operation that no rule takes: its parts, or one layer that cannot be looked into."""
        if not in_place and not rule and _composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        made = (
            func(*args, **kwargs)
            if self.real
            else func(*map(_on_meta, args), **{k: _on_meta(v) for k, v in kwargs.items()})
        )
        if in_place:
            made = args[0]
        tensors = [one for one in _flat([list(args), list(kwargs.values())]) if isinstance(one, Tensor)]
        values = [value for value in map(self.value, tensors) if value]
        consts = [one for one in tensors if id(one) not in self._values]
        roots = self.builder.fresh(root for const in consts for root in self._roots.get(id(const), ()))
        counter = flop_registry.get(func._overloadpacket)  # noqa: SLF001 -- torch has no public name for it
        counted = counter(*args, **kwargs, out_val=made) // 2 if counter else 0
        own = Own(tuple(Weight(root.name, root.shape) for root in roots), counted if func.namespace == "aten" else None)
        self.unread.add(name)
        for tensor in _flat([made]):
            if isinstance(tensor, Tensor):
                value = self.opaque(values, tuple(tensor.shape), own)
                own = Own((), 0)
                self._changed(tensor, value) if in_place else self.bind(tensor, value)
        return made

    def opaque(self, values: Sequence[Value], sizes: tuple[int, ...], own: Own) -> Value:
        """A layer of which only the output's shape is known."""
        lead = 1 if len(sizes) > 1 and sizes[0] == 1 else 0
        inner = sizes[lead:]
        shape = (*inner[:3], math.prod(inner[3:])) if len(inner) > 3 else inner or (1,)
        made = [self.builder.emit(Opaque(tuple(max(1, n) for n in shape)), [value.node]) for value in values]
        for at, one in enumerate(made):
            self.builder.spend(one, own if at == 0 else Own((), 0))
        found = made[0]
        if len(made) > 1:
            found = self.builder.emit(Add(), [one.node for one in made])
        dims = whole(found.shape)
        if len(inner) > 4:
            tail = divided(dims[3], inner[3:])
            dims = (*dims[:3], *(tail or ()))
        return Value(found.node, found.shape, (*[()] * lead, *dims[: len(inner)]))

    def _constant(self, func: Any, args: Any, kwargs: Any) -> Any:
        """An operation on tensors that do not depend on the input: worked out, where it is small."""
        inputs = [one for one in _flat([list(args), list(kwargs.values())]) if isinstance(one, Tensor)]
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "meta":
            kwargs = {**kwargs, "device": "cpu"}
        waits = any(id(one) in self._later or one.device.type == "meta" for one in inputs)
        large = sum(one.numel() for one in inputs) > SMALL
        if not inputs:
            made = func(*args, **kwargs)
        elif (waits or large) and not self.real:
            made = func(*map(_on_meta, args), **{key: _on_meta(arg) for key, arg in kwargs.items()})
            self._put_off(func, args, kwargs, made)
        else:
            made = func(*args, **kwargs)
        roots = tuple(dict.fromkeys(root for one in inputs for root in self._roots.get(id(one), ())))
        spent = sum(self._macs.get(id(one), 0) for one in inputs)
        if _name(func)[0] in PRODUCTS:
            with FlopCounterMode(display=False) as counter:
                func(*map(_on_meta, args), **{key: _on_meta(arg) for key, arg in kwargs.items()})
            spent += counter.get_total_flops() // 2
        if roots or spent:
            for tensor in _flat([made]):
                if isinstance(tensor, Tensor):
                    self._roots[id(tensor)] = roots
                    self._macs[id(tensor)] = spent
                    self._alive.append(tensor)
        return made

    def _put_off(self, func: Any, args: Any, kwargs: Any, made: Any) -> None:
        """Remember how tensors are made that are too large to make now."""

        def work() -> Any:
            return func(*map(self._now, args), **{key: self._now(arg) for key, arg in kwargs.items()})

        tensors = list(_flat([made]))
        for at, tensor in enumerate(tensors):
            if isinstance(tensor, Tensor):
                self._alive.append(tensor)
                self._later[id(tensor)] = partial(_nth, work, at)

    def _now(self, arg: Any) -> Any:
        if isinstance(arg, Tensor):
            later = self._later.get(id(arg))
            return later() if later else arg
        return [self._now(one) for one in arg] if isinstance(arg, list | tuple) else arg


_NAMES: dict[Any, tuple[str, bool]] = {}


def _name(func: Any) -> tuple[str, bool]:
    """The name of an operation, and whether it works in place."""
    name = func._schema.name.split("::")[1]  # noqa: SLF001 -- torch has no public name for it
    in_place = name.endswith("_") and not name.endswith("__") and not name.startswith("__")
    return name.removesuffix("_") if in_place else name, in_place


def _composite(func: Any) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"))  # noqa: SLF001 -- no public name


def _nth(work: Callable[[], Any], at: int) -> Tensor:
    found: Tensor = list(_flat([work()]))[at]
    return found


def _flat(nested: Iterable[Any]) -> Iterable[Any]:
    for one in nested:
        if isinstance(one, list | tuple):
            yield from _flat(one)
        else:
            yield one


def _on_cpu(arg: Any) -> Any:
    """A tensor of no numbers, of which only the kind is asked, on the processor."""
    return torch.empty(arg.shape, dtype=arg.dtype) if isinstance(arg, Tensor) and arg.device.type == "meta" else arg


def _on_meta(arg: Any) -> Any:
    if isinstance(arg, Tensor):
        return arg if arg.device.type == "meta" else torch.empty(arg.shape, dtype=arg.dtype, device="meta")
    return [_on_meta(one) for one in arg] if isinstance(arg, list | tuple) else arg
