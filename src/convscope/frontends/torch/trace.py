"""Tracing: a run of a module in which every operation is intercepted before it computes anything."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from convscope.core.graph import Own
from convscope.errors import ConvscopeError, ShapeError
from convscope.frontends.tensors.unknown import opaque
from convscope.frontends.tensors.values import Const, Value
from convscope.frontends.torch.alike import SIMPLE, followed
from convscope.frontends.torch.call import Call, flat, memory_of, on_cpu
from convscope.frontends.torch.memory import PERHAPS, VIEWS, Memory, read
from convscope.frontends.torch.numbers import Numbers
from convscope.frontends.torch.rules import RULES
from convscope.frontends.torch.stored import NumbersLostError, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Root

SEVERAL = (list, tuple)

FILLED = {
    "new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like",
    "randn_like", "rand_like", "randint_like",
}  # fmt: skip
"""Operations that only use the size and dtype of a tensor."""

LIKE = {"to", "type_as", "view_as", "reshape_as", "expand_as"}
"""Operations that only use the size and dtype of their second tensor."""

DECIDES = {
    "_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "nonzero_numpy", "argwhere", "masked_select",
    "_unique", "_unique2", "unique_dim", "unique_consecutive", "bincount",
}  # fmt: skip
"""Operations after which sizes or control flow depend on the values of the image."""

STATES = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
"""Operations whose further results are states, of ``layers x batch x hidden``."""

UNCOUNTED = ("linalg_", "_linalg_", "fft_", "_fft_", "_trilinear", "lstm", "gru", "rnn_", "cholesky", "_cdist")
"""Prefixes of operations whose multiply-adds torch does not count."""


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch's own is not typed
    """Intercepts operations and records them as layers.

    Tensors that depend on the input have a shape but no values, unless ``real``: then everything is also computed, for
    models whose code depends on values, and the sizes of every value are compared with torch's.

    Args:
        builder: receives the layers.
        roots: learned tensors, by identity.
        real: whether everything is computed.
        keep: called with a constant before its values change.
        watched: whether values that code inserts are intercepted, so that another run would not find missing ones.
    """

    def __init__(
        self,
        builder: Builder,
        roots: dict[int, Root],
        *,
        real: bool,
        keep: Callable[[Tensor], None],
        watched: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # as above
        self.numbers = Numbers()
        self.builder, self.real, self.watched = builder, real, watched
        self.unread: set[str] = set()
        self.batch: dict[int, int] = {}  # the batch axis of tensors, if it is not the first of length 1
        self.stored = Stored(roots, real=real, keep=keep)
        self.memory = Memory(builder, self.unknown, self.stored.const)
        self._known = self.memory.known

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; skipping torch's guard makes interception slightly faster."""
        return False

    def bind(self, tensor: Tensor, value: Value) -> Tensor:
        """Record the value of a tensor."""
        return self.memory.bind(tensor, value)

    def value(self, tensor: object) -> Value | None:
        """What a tensor is; None for what does not depend on the input."""
        return self.memory.value(tensor)

    def taken_out(self, tensor: Tensor, name: str) -> None:
        """Record that code read the values of a tensor, so that later results depend on them invisibly."""
        value = self.value(tensor)
        if value:
            self.unread.add(name)
            self.unknown([value], (1,), name, Own((), None))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        call = Call.of(func, args, kwargs)
        name = call.name
        if name in FILLED:
            return func(*map(on_cpu, args), **{**kwargs, "device": "cpu"})
        if not self._depends(args) and not (kwargs and self._depends(kwargs.values())):
            return self._constant(call)
        if name in LIKE and not self._depends(args[:1]):
            return self._constant(call._replace(args=(args[0], *map(on_cpu, args[1:]))))
        if (call.in_place and not isinstance(args[0], Tensor)) or (call.outs and not self.real):
            raise NotImplementedError(f"{name} writes to its arguments")  # the model is then run on real values
        if call.in_place and name == "copy":
            return self._copied(call)
        return self._written(call)

    def _depends(self, args: Iterable[Any]) -> bool:
        """Return whether any argument is a tensor that depends on the input."""
        known = self._known
        for arg in args:
            if isinstance(arg, Tensor):
                if id(arg) in known:
                    return True
            elif isinstance(arg, SEVERAL) and self._depends(arg):
                return True
        return False

    def _ready(self, arg: Any) -> Any:
        """Convert an argument for a rule."""
        if isinstance(arg, Tensor):
            found = self._known.get(id(arg))
            if found is not None:
                return read(found[1])
            if self._recognised(arg):
                return self.memory.value(arg)
            return self.stored.const(arg)
        if isinstance(arg, SEVERAL):
            return [self._ready(one) for one in arg]
        return arg

    def _recognised(self, tensor: Tensor) -> bool:
        """Return whether a tensor is an alias of one that depends on the input, such as ``x.data``."""
        strange = self.real or tensor.is_meta
        return strange and not self.stored.knows(tensor) and self.memory.recognise(tensor)

    def _constant(self, call: Call) -> Any:
        """An operation on tensors that do not depend on the input."""
        recognised = [self._recognised(one) for one in call.tensors()]  # each of them, so no generator
        if True in recognised:
            return self._written(call)
        related = self.memory.relatives(call.args[0]) if call.in_place else ()
        for name in call.outs:
            self.stored.before_change(call.kwargs[name])
        made = self.stored.made(call, related)
        if call.name in VIEWS and not call.in_place:
            self._share(call, made)
        return made

    def _written(self, call: Call) -> Any:
        """An operation as the layers that its rule makes of it."""
        rule = RULES.get(call.name)
        if rule is None:
            return self._unread(call)
        ready = [arg if type(arg) in SIMPLE else self._ready(arg) for arg in call.args]
        named = {key: self._ready(arg) for key, arg in call.kwargs.items() if key not in call.outs}
        if self.real and call.in_place:
            self.stored.before_change(call.args[0])
        made = self.numbers.of(call) if self.real else None
        mark = self.builder.mark()
        try:
            found = followed(rule, self.builder, ready, named)
            if made is not None or call.in_place:
                self._check(call, found, made)
        except (ConvscopeError, TypeError, ValueError, AssertionError, IndexError, KeyError, AttributeError):
            self.builder.back_to(mark)
            return self._unread(call, made)
        except NumbersLostError:
            if not self.watched:
                raise
            self.builder.back_to(mark)
            return self._unread(call, made)
        if isinstance(found, Const):
            for arg, one in zip(call.args, ready, strict=True):
                if one is found:
                    return arg
        return self._given_back(call, found, made)

    def _check(self, call: Call, found: Any, made: Any) -> None:
        """Compare the sizes of a rule's results with torch's own.

        Raises:
            ShapeError: the sizes differ.
        """
        if call.in_place and call.name not in VIEWS:
            made = call.args[0]
        if made is None:
            return
        values = found if isinstance(found, list | tuple) else [found]
        tensors = made if isinstance(made, list | tuple) else [made]
        for value, tensor in zip(values, tensors, strict=True):
            if isinstance(value, Value | Const) and value.sizes != tuple(tensor.shape):
                raise ShapeError(f"{call.name} returns {tuple(tensor.shape)}, not {value.sizes}")

    def _given_back(self, call: Call, found: Any, made: Any) -> Any:
        """Return tensors for the results of a rule."""
        if call.in_place:
            return self._changed(call, found)
        if isinstance(found, Const):
            return torch.zeros(found.sizes, device="cpu") if made is None else made
        if isinstance(found, Value):
            tensor = self._room(call, found.sizes) if made is None else made
            if call.outs:
                self.memory.change(tensor, found)
                return tensor
            self.memory.bind(tensor, found)
            self._share(call, tensor)
            return tensor
        if made is None:
            made = self._rooms(call, found)
        for at, (one, tensor) in enumerate(zip(found, made, strict=True)):
            if at and call.name in STATES:
                self.batch[id(tensor)] = 1
            if isinstance(one, Value):
                self.memory.bind(tensor, one)
            elif one is None:  # a second result that few read
                self.memory.delay(tensor, partial(self.unknown, [found[0]], tuple(tensor.shape)))
            else:
                self.memory.delay(tensor, one)
        self._share(call, made)
        return made

    def _room(self, call: Call, sizes: tuple[int, ...]) -> Tensor:
        """Return a meta tensor for a result, with the strides of torch's own."""
        first = call.args[0]
        if call.name in VIEWS and call.name != "contiguous":  # torch requests this only for a copy
            try:
                found: Tensor = call.run()
            except RuntimeError:  # its strides differ from torch's own
                return torch.empty(sizes, device="meta")
            return found
        if isinstance(first, Tensor) and first.shape == sizes and not first.is_contiguous() and _dense(first):
            return torch.empty_strided(sizes, first.stride(), device="meta")
        return torch.empty(sizes, device="meta")

    def _rooms(self, call: Call, found: Any) -> Any:
        """Return meta tensors for several results."""
        if call.name in VIEWS or not all(isinstance(one, Value) for one in found):
            return call.on_meta()
        return type(found)(torch.empty(one.sizes, device="meta") for one in found)

    def _share(self, call: Call, made: Any) -> None:
        """Record results that are views."""
        if call.name not in VIEWS:
            return
        base, rest = call.args[0], tuple(call.args[1:])
        several = isinstance(made, list | tuple)
        for at, tensor in enumerate(made if several else [made]):
            shared = memory_of(tensor) == memory_of(base)
            if shared or not (self.real or call.name in PERHAPS):
                sure = shared and (self.real or call.name not in PERHAPS)
                self.memory.share(tensor, base, call.name, rest, at if several else None, sure=sure)

    def _changed(self, call: Call, found: Value) -> Tensor:
        """Record a tensor that an operation changed in place."""
        tensor: Tensor = call.args[0]
        if call.name in VIEWS:  # the tensor is reinterpreted, and its values stay
            if not self.real:
                call.run()
            self.memory.alone(tensor)
            return self.memory.bind(tensor, found)
        self.memory.change(tensor, found)
        return tensor

    def _copied(self, call: Call) -> Any:
        """``target[...] = source``."""
        target, source = call.args[0], self.memory.value(call.args[1])
        if self.real:
            self.stored.before_change(target)
            call.run()
        sizes = tuple(target.shape)
        if source and target.is_floating_point():
            found: Value = RULES["expand"](self.builder, source, sizes)
        else:
            found = self.unknown([one for one in (source or self.memory.value(target),) if one], sizes, "copy")
        self.memory.change(target, found)
        return target

    def _unread(self, call: Call, made: Any = None) -> Any:
        """Handle an operation without a rule: by its decomposition, or as an opaque layer."""
        if not call.in_place and not call.outs and _composite(call.func):
            with self:
                return call.func.decompose(*call.args, **call.kwargs)
        targets = [call.kwargs[name] for name in call.outs]
        values = [value for value in map(self.memory.value, [*call.tensors(), *targets]) if value]
        if made is None:
            if call.in_place and self.real:
                self.stored.before_change(call.args[0])
            made = self.numbers.of(call) if self.real else call.on_meta()
        if call.in_place:
            made = call.args[0]
        own = self._own(call, made)
        self.unread.add(call.name)
        tensors = [one for one in flat([made]) if isinstance(one, Tensor)]
        if not tensors and call.name in DECIDES:
            self.unknown(values, (1,), "item", own)
        for at, tensor in enumerate(tensors):
            sizes = tuple(tensor.shape)
            if at:
                self.memory.delay(tensor, partial(self.unknown, values, sizes, call.name))
                continue
            value = self.unknown(values, sizes, call.name, own)
            if call.in_place or call.outs:
                self.memory.change(tensor, value)
                continue
            self.memory.bind(tensor, value)
            if call.func.is_view:
                self.memory.share(tensor, call.args[0], call.name, (), sure=False)
        return made

    def _own(self, call: Call, made: Any) -> Own:
        """Return weights and multiply-adds of an opaque layer."""
        if any(isinstance(one, torch.ScriptObject) for one in flat([list(call.args), list(call.kwargs.values())])):
            return Own()  # it packs unknown weights
        consts = [one for one in call.tensors() if id(one) not in self._known]
        roots = self.builder.fresh(root for const in consts for root in self.stored.roots(const))
        counter = flop_registry.get(call.func._overloadpacket)  # noqa: SLF001 -- torch has no public name for it
        if counter:
            macs = counter(*call.args, **call.kwargs, out_val=made) // 2
        else:
            unsure = call.func.namespace != "aten" or call.name in DECIDES or call.name.startswith(UNCOUNTED)
            macs = None if unsure else 0
        return Own(tuple(root.weight() for root in roots), macs)

    def unknown(self, values: Sequence[Value], sizes: tuple[int, ...], name: str = "", own: Own = Own((), 0)) -> Value:
        """Add an opaque layer."""
        return opaque(self.builder, values, tuple(max(1, n) for n in sizes), own, name=name.strip("_"))


def _composite(func: Any) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"))  # noqa: SLF001 -- no public name


def _dense(tensor: Tensor) -> bool:
    """Return whether the tensor covers its range of memory exactly once, in any order."""
    return sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True)) + 1 == tensor.numel()
