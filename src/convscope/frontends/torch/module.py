"""A live module of PyTorch as a net."""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules import module as torch_module
from torch.nn.parameter import UninitializedParameter

from convscope.core.shape import to_text
from convscope.errors import ConvscopeError, FieldError, ModelError, ShapeError
from convscope.frontends.given import Asked, of_shape
from convscope.frontends.others import described, line, stops
from convscope.frontends.tensors.builder import Builder
from convscope.frontends.tensors.constant import placed
from convscope.frontends.tensors.ends import output_of
from convscope.frontends.tensors.settle import few, settled
from convscope.frontends.tensors.values import Root, whole
from convscope.frontends.torch.ends import Taken, returned
from convscope.frontends.torch.stored import NumbersLostError
from convscope.frontends.torch.trace import Trace
from convscope.frontends.torch.untouched import Kept, uncollected, untouched
from convscope.frontends.torch.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.core.graph import Output
    from convscope.core.net import Net
    from convscope.core.op import Weight
    from convscope.core.shape import Shape
    from convscope.frontends.tensors.values import Value


@dataclass(frozen=True)
class Imported:
    """A module, read as a net.

    Attributes:
        net: the net.
        outputs: the layer of each module whose output is exactly that of a layer, by the path of the module.
        unread: operations that could not be inspected.
    """

    net: Net
    outputs: dict[str, str]
    unread: frozenset[str]


_ONE_AT_A_TIME = threading.RLock()
"""Reading a module puts it into evaluation mode, so only one thread may read."""


def read_model(module: nn.Module, given: Asked | Shape | None) -> Net:
    """Return the net of a module; see :func:`read_module`.

    Raises:
        FieldError: the size of the input is not given.
    """
    if not given:
        raise FieldError(
            "a module does not state the size of its input", expected='input="224x224x3", or --input 224x224x3'
        )
    return read_module(module, given).net


def read_module(module: nn.Module, given: Asked | Shape) -> Imported:
    """Read a module by running it once, in evaluation mode, on one sample on the meta device.

    The module is left unchanged: mode, hooks, weights, device. A model whose code depends on values is run again on
    real ones.

    Args:
        module: the model.
        given: shape ``c h w`` of the input, or the description of several.

    Raises:
        FieldError: the size of one of several inputs is not given.
        ShapeError: the model does not run on an input of this size, or its output does not depend on it.
        UnknownNameError: the model has no input of a given name.
    """
    taken = Taken.of(module, of_shape(given))
    parts = _Parts.of(module)
    kept = Kept(parts.tensors)

    def attempt(*, watched: bool = False, real: bool = False) -> Imported:
        with untouched(list(parts.modules.values()), kept):
            if real:
                kept.keep_all()
            return _Reading(module, parts, taken, kept, watched=watched, real=real).run()

    with _ONE_AT_A_TIME, uncollected():
        try:
            return attempt()
        except _GivenUpError as error:
            first = error
        if isinstance(first.why, NumbersLostError):
            try:
                return attempt(watched=True)
            except _GivenUpError as error:
                first = error
        if any(tensor.device.type == "meta" for tensor in parts.tensors):  # it has no values that code could depend on
            raise first.error
        try:
            return attempt(watched=True, real=True)
        except _GivenUpError as error:
            raise error.error from None


class _GivenUpError(Exception):
    """Raised if a run failed.

    Args:
        why: what the module raised.
        error: the error for the user.
    """

    def __init__(self, why: BaseException, error: ShapeError | ModelError) -> None:
        super().__init__()
        self.why, self.error = why, error


@dataclass(frozen=True)
class _Parts:
    """The submodules and learned tensors of a module, each once, under its first path.

    Attributes:
        paths: paths of submodules, by identity.
        modules: submodules, by identity.
        roots: learned tensors, by identity.
        kinds: dtypes of learned tensors.
        tensors: all stored tensors.
    """

    paths: dict[int, str]
    modules: dict[int, nn.Module]
    roots: dict[int, Root]
    kinds: set[torch.dtype]
    tensors: list[Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> _Parts:
        """Walk through a module.

        Raises:
            ShapeError: a lazy layer has no weights yet.
        """
        found = cls({}, {}, {}, set(), [])
        found.walk(module, "")
        return found

    def walk(self, module: nn.Module, path: str) -> None:
        """Add a submodule and everything below it."""
        self.paths[id(module)], self.modules[id(module)] = path, module
        prefix = f"{path}." if path else ""
        for name, parameter in module._parameters.items():  # noqa: SLF001 -- named_parameters() takes ten times as long
            if parameter is None or id(parameter) in self.roots:
                continue
            if type(parameter) is not nn.Parameter and isinstance(parameter, UninitializedParameter):
                raise ShapeError(f"{prefix}{name} has no shape yet", expected="a model whose lazy layers were run once")
            self.roots[id(parameter)] = _root(prefix + name, parameter)
            self.kinds.add(parameter.dtype)
            self.tensors.append(parameter)
        self.tensors.extend(one for one in module._buffers.values() if one is not None)  # noqa: SLF001 -- as above
        for name, child in module._modules.items():  # noqa: SLF001 -- as above
            if child is not None and id(child) not in self.paths:
                self.walk(child, prefix + name)


def _root(name: str, parameter: Tensor) -> Root:
    """A parameter as a learned tensor of the source."""
    return Root(id(parameter), name, tuple(parameter.shape), not parameter.requires_grad, _word(parameter.dtype))


@cache
def _word(dtype: torch.dtype) -> str:
    """What a dtype is called, without the name of torch."""
    return str(dtype).removeprefix("torch.")


class _Reading:
    """A run of a module."""

    def __init__(  # noqa: PLR0913 -- three objects and two flags
        self,
        module: nn.Module,
        parts: _Parts,
        taken: Taken,
        kept: Kept,
        *,
        watched: bool = False,
        real: bool = False,
    ) -> None:
        self.module, self.parts, self.taken, self.kept, self.real, self.watched = (
            module, parts, taken, kept, real, watched
        )  # fmt: skip
        self.builder = Builder.of(taken.inputs)
        self.trace = Trace(self.builder, parts.roots, real=real, keep=kept.keep, watched=watched or real)
        self.stack: list[tuple[str, bool]] = []
        self.outputs: dict[str, Value] = {}
        self.blamed: dict[int, str] = {}
        self.thread = threading.get_ident()

    def run(self) -> Imported:
        """Return the net of the run.

        Raises:
            _GivenUpError: the model failed.
            ShapeError: its output does not depend on the input.
        """
        args, kwargs = self.taken.call([self._input(at) for at in range(len(self.taken.inputs))])
        try:
            with ExitStack() as modes:
                modes.enter_context(self._names())
                modes.enter_context(_uncompiled())
                if self.watched:
                    modes.enter_context(Watch(self.trace))
                if self.real:
                    modes.enter_context(_step_by_step())
                modes.enter_context(self.trace)
                result = self.module(*args, **kwargs)
        except ConvscopeError:
            raise
        except BaseException as error:
            if stops(error):
                raise
            raise _GivenUpError(error, self._failed(error)) from None
        for tensor in self.kept.changed():
            self.trace.stored.before_change(tensor)
        self.builder.scope, self.builder.whole_scope = "", False
        outputs = self._outputs(result)
        net = self.builder.net(outputs, self._unused())
        self.trace.memory.forget()
        plain = {path: v.node for path, v in self.outputs.items() if v.dims[1:] == whole(v.shape) and not v.dims[0]}
        return Imported(net, plain, frozenset(self.trace.unread))

    def _outputs(self, result: Any) -> list[Output]:
        """Return every tensor that the module returns.

        Raises:
            ShapeError: none of them depends on the input.
        """
        found = [(path, tensor, self.trace.value(tensor)) for path, tensor in returned(result)]
        if not any(value for _, _, value in found):
            raise ShapeError("the output of the model does not depend on its input")
        return [
            output_of(
                self.builder,
                _settled(self.builder, value) if value else self._stored(tensor),
                path,
                batch=self.trace.batch.get(id(tensor)),
            )
            for path, tensor, value in found
        ]

    def _stored(self, tensor: Tensor) -> Value:
        """Return a constant output as a layer; the number of detections may be one."""
        if not tensor.numel():
            return self.trace.unknown([self.builder.input(0)], tuple(tensor.shape), "found")
        return placed(self.builder, self.trace.stored.const(tensor))

    def _input(self, at: int) -> Tensor:
        """Return an input tensor, on the meta device or with arbitrary values."""
        one = self.taken.inputs[at]
        kinds = [kind for kind in self.parts.kinds if kind.is_floating_point]
        kind = kinds[0] if len(kinds) == 1 else torch.float32
        value = self.builder.input(at)
        tensor = torch.zeros(value.sizes, dtype=_KINDS.get(one.kind, kind), device="cpu" if self.real else "meta")
        if self.real and one.kind not in _KINDS:
            tensor += torch.rand(tensor.shape, generator=torch.Generator().manual_seed(at)).to(kind)
        return self.trace.bind(tensor, value)

    def _unused(self) -> tuple[Weight, ...]:
        """Return learned tensors that no layer reads."""
        return tuple(root.weight() for key, root in self.parts.roots.items() if key not in self.builder.counted)

    def _failed(self, error: BaseException) -> ShapeError | ModelError:
        path = self.blamed.get(id(error), self.builder.scope)
        usual = issubclass(type(error), Exception)
        sizes = " and ".join(to_text(one.shape) for one in self.taken.inputs)
        if not usual:  # another input would not help
            return ModelError(f"the model does not run: {described(error)}").add(subject=path)
        told = line(error) or described(error)
        return ShapeError(f"the model does not run on {sizes}: {told}", expected=self.taken.hint).add(subject=path)

    @contextmanager
    def _names(self) -> Iterator[None]:
        """Record in the builder which module is running. The hooks are global, so that the module keeps its own."""
        before = torch_module.register_module_forward_pre_hook(self._enter)
        after = torch_module.register_module_forward_hook(self._leave, always_call=True)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Using `torch.compile")  # the warning that it is called with hooks
                yield
        finally:
            before.remove()
            after.remove()

    def _enter(self, module: nn.Module, args: Any) -> None:  # noqa: ARG002 -- torch's own
        if threading.get_ident() != self.thread:
            return
        self.stack.append((self.builder.scope, self.builder.whole_scope))
        path = self.parts.paths.get(id(module))
        if path is not None:
            alone = not module._modules  # noqa: SLF001 -- no children
            self.builder.scope = path
            self.builder.whole_scope = alone and type(module).__module__.startswith("torch.nn.modules")

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002 -- torch's own
        if threading.get_ident() != self.thread or not self.stack:
            return
        failure = sys.exc_info()[1]
        if failure is not None:  # the innermost module is left first
            self.blamed.setdefault(id(failure), self.builder.scope)
        self.builder.scope, self.builder.whole_scope = self.stack.pop()
        path = self.parts.paths.get(id(module))
        value = self.trace.value(output) if isinstance(output, Tensor) else None
        if path is not None and value is not None:
            self.outputs[path] = value


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Run what ``torch.compile`` made as the code that it was made of: nothing is compiled, not even this reader."""
    if "torch._dynamo" not in sys.modules:  # nothing has been compiled yet, and loading the compiler takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def _step_by_step() -> Iterator[None]:
    """Use operations of a run on the meta device instead of fused ones on a CPU."""
    fast: Any = torch.backends.mkldnn
    before = fast.enabled
    fast.enabled = False
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        fast.enabled = before


def _settled(builder: Builder, value: Value) -> Value:
    """Return the output as axes of a layer. Permuted axes, and positions in one dimension, need no rearrangement."""
    dims = [dim for dim in value.dims if dim]
    uncut = sorted(factor for dim in dims for factor in dim) == sorted(
        factor for dim in whole(value.shape) for factor in dim
    )
    if uncut and all(len(dim) == 1 or all(factor.axis for factor in dim) for dim in dims):
        return value
    rest = value.dims[1:] if len(value.dims) > 1 and not value.dims[0] else value.dims
    return settled(builder, value, few((rest if len(rest) <= 4 else dims) or [()]))


_KINDS = {"int": torch.int64, "bool": torch.bool}
"""What torch calls the dtypes that are not real."""
