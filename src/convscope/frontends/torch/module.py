"""A live module of PyTorch as a net."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.nn.parameter import UninitializedParameter

from convscope.core.op import Weight
from convscope.core.shape import to_text
from convscope.errors import ConvscopeError, FieldError, ShapeError
from convscope.frontends.build.builder import Builder
from convscope.frontends.build.values import Root, whole
from convscope.frontends.torch.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.frontends.build.values import Value


@dataclass(frozen=True)
class Imported:
    """A module as a net.

    Attributes:
        net: the net.
        outputs: for modules whose output is just that of a layer, by the path of the module, the name of the layer.
        unread: operations that could not be looked into.
    """

    net: Net
    outputs: dict[str, str]
    unread: frozenset[str]


def read_model(module: nn.Module, shape: Shape | None) -> Net:
    """The net of a module; see :func:`read_module`.

    Raises:
        FieldError: the size of the input is not given.
    """
    if shape is None:
        raise FieldError(
            "a module does not say how large its input is", expected='input="224x224x3", or --input 224x224x3'
        )
    return read_module(module, shape).net


def read_module(module: nn.Module, shape: Shape) -> Imported:
    """Read a module by running it once, in evaluation mode, on one sample without numbers.

    The module is left as it was: mode, hooks, weights, device. A model whose code looks at numbers is run a second time
    on real ones.

    Args:
        module: the model.
        shape: of the input, ``c h w``.

    Raises:
        ShapeError: the model does not run on an input of this size, or its output does not depend on it.
    """
    parts = _Parts.of(module)
    with _evaluating(list(parts.modules.values())):
        try:
            return _Reading(module, parts, shape, real=False).run()
        except _GivenUpError:
            return _Reading(module, parts, shape, real=True).run()


class _GivenUpError(Exception):
    """The run failed; perhaps because there were no numbers."""


@dataclass(frozen=True)
class _Parts:
    """The submodules and learned tensors of a module, each once, by where it was found first.

    Attributes:
        paths: of submodules, by identity.
        modules: submodules, by identity.
        roots: learned tensors, by identity.
        kinds: of numbers in them.
    """

    paths: dict[int, str]
    modules: dict[int, nn.Module]
    roots: dict[int, Root]
    kinds: set[torch.dtype]

    @classmethod
    def of(cls, module: nn.Module) -> _Parts:
        """Walk through a module.

        Raises:
            ShapeError: a lazy layer has no weights yet.
        """
        found = cls({}, {}, {}, set())
        found.walk(module, "")
        return found

    def walk(self, module: nn.Module, path: str) -> None:
        """Take in a submodule and all below it."""
        self.paths[id(module)], self.modules[id(module)] = path, module
        prefix = f"{path}." if path else ""
        for name, parameter in module._parameters.items():  # noqa: SLF001 -- named_parameters() takes ten times as long
            if parameter is None or id(parameter) in self.roots:
                continue
            if isinstance(parameter, UninitializedParameter):
                raise ShapeError(f"{prefix}{name} has no shape yet", expected="a model whose lazy layers have run once")
            self.roots[id(parameter)] = Root(id(parameter), prefix + name, tuple(parameter.shape))
            self.kinds.add(parameter.dtype)
        for name, child in module._modules.items():  # noqa: SLF001 -- as above
            if child is not None and id(child) not in self.paths:
                self.walk(child, prefix + name)


@contextmanager
def _evaluating(modules: list[nn.Module]) -> Iterator[None]:
    """Evaluation mode, and every module back in its own mode behind."""
    modes = [one for one in modules if one.training]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        for one in modes:
            one.__dict__["training"] = False  # past nn.Module's own check of every attribute
        torch.backends.mha.set_fastpath_enabled(value=False)
        with torch.inference_mode():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
        for one in modes:
            one.__dict__["training"] = True


class _Reading:
    """One run of a module."""

    def __init__(self, module: nn.Module, parts: _Parts, shape: Shape, *, real: bool) -> None:
        self.module, self.parts, self.shape, self.real = module, parts, shape, real
        self.builder = Builder(shape)
        self.trace = Trace(self.builder, parts.roots, real=real)
        self.stack: list[tuple[str, bool]] = []
        self.outputs: dict[str, Value] = {}

    def run(self) -> Imported:
        """The net of the run.

        Raises:
            _GivenUpError: the model failed on tensors without numbers.
            ShapeError: it failed on real ones.
        """
        given = self._input()
        try:
            with self._names(), self.trace:
                result = self.module(given)
        except ConvscopeError:
            raise
        except Exception as error:
            if not self.real:
                raise _GivenUpError from error
            raise self._failed(error) from None
        value = next((found for found in map(self.trace.value, _tensors(result)) if found), None)
        if value is None:
            raise ShapeError("the output of the model does not depend on its input")
        net = self.builder.net(value.node, self._unused())
        plain = {path: v.node for path, v in self.outputs.items() if v.dims[1:] == whole(v.shape) and not v.dims[0]}
        return Imported(net, plain, frozenset(self.trace.unread))

    def _input(self) -> Tensor:
        kinds = [kind for kind in self.parts.kinds if kind.is_floating_point]
        kind = kinds[0] if len(kinds) == 1 and not self.real else torch.float32
        device = "cpu" if self.real else "meta"
        tensor = torch.zeros((1, *self.shape), dtype=kind, device=device)
        if self.real:
            tensor += torch.rand(tensor.shape, generator=torch.Generator().manual_seed(0))
        return self.trace.bind(tensor, self.builder.input())

    def _unused(self) -> tuple[Weight, ...]:
        """Learned tensors that no layer reads."""
        return tuple(
            Weight(root.name, root.shape) for key, root in self.parts.roots.items() if key not in self.builder.counted
        )

    def _failed(self, error: Exception) -> ShapeError:
        path = self.builder.scope
        lines = str(error).strip().splitlines() or [type(error).__name__]
        found = ShapeError(f"the model does not run on {to_text(self.shape)}: {lines[0][:200]}")
        return found.add(subject=path)

    @contextmanager
    def _names(self) -> Iterator[None]:
        """Tell the builder which module is running. The hooks are global, so that the module keeps its own."""
        before = torch_module.register_module_forward_pre_hook(self._enter)
        behind = torch_module.register_module_forward_hook(self._leave)
        try:
            yield
        finally:
            before.remove()
            behind.remove()

    def _enter(self, module: nn.Module, args: Any) -> None:  # noqa: ARG002 -- torch's own
        self.stack.append((self.builder.scope, self.builder.whole_scope))
        path = self.parts.paths.get(id(module))
        if path is not None:
            own = type(module).__module__.startswith("torch.nn.modules")
            self.builder.scope, self.builder.whole_scope = path, own and not module._modules  # noqa: SLF001 -- no children

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002 -- torch's own
        self.builder.scope, self.builder.whole_scope = self.stack.pop()
        path = self.parts.paths.get(id(module))
        value = self.trace.value(output) if isinstance(output, Tensor) else None
        if path is not None and value is not None:
            self.outputs[path] = value


def _tensors(result: Any) -> Iterator[Tensor]:
    """Tensors of a result, in order."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, dict):
        for one in result.values():
            yield from _tensors(one)
    elif isinstance(result, list | tuple):
        for one in result:
            yield from _tensors(one)
    elif hasattr(result, "__dict__"):
        yield from _tensors(vars(result))
