"""Gradients of a real module if every path is open and nothing cancels."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves

from convscope.backends.torch import arranged
from convscope.core.graph import INPUT, KINDS, Input
from convscope.core.order import sizes_in
from convscope.core.shape import to_text
from convscope.errors import ConvscopeError, FieldError, ShapeError, UnknownNameError, nearest
from convscope.frontends.torch.ends import Taken, returned
from convscope.verification.flow import Flow
from convscope.verification.shadow import Shadow
from convscope.verification.signals import Signal
from convscope.verification.unchanged import stored, unchanged, unfused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from convscope.core.shape import Shape

BRIGHT = 1e150
"""The initial gradient of a unit, large enough that the weakest pixel is far above the smallest float (1e-308)."""


@dataclass(frozen=True)
class Position:
    """The position of the units in a module's output.

    Attributes:
        path: path of the module; empty for the entire model.
        shape: with the batch axis.
        axes: for each image axis longer than 1, the axes of the output along which its units lie.
    """

    path: str
    shape: Shape
    axes: tuple[tuple[int, ...], ...]

    @property
    def is_map(self) -> bool:
        """Whether there is one axis for each axis of the image, and one for samples and channels."""
        along = [axis for some in self.axes for axis in some]
        return (
            len(self.shape) == len(self.axes) + 2
            and self.shape[0] == 1
            and len(along) == len(set(along)) == len(self.axes) > 0
        )


@dataclass(frozen=True, eq=False)
class Output:
    """The output of a module, for questions.

    Attributes:
        position: path, shape and axes.
        signal: its signal; of the last run if a module runs repeatedly.
    """

    position: Position
    signal: Signal


@dataclass(frozen=True, eq=False)
class Run:
    """A forward pass.

    Attributes:
        outputs: outputs by path.
        positions: positions of every module with an output, by path.
        last: the last output that is a map.
        macs: multiply-adds by torch's own counter [MAC].
        stored_macs: those of them that do not depend on the input [MAC].
        doubts: facts that the probe cannot verify.
        image: the input, from which gradients are taken.
        results: sizes of every tensor that the model returns, in order.
    """

    outputs: dict[str, Output]
    positions: dict[str, Position]
    last: Position | None
    macs: int
    stored_macs: int
    doubts: tuple[str, ...]
    image: Tensor
    results: tuple[tuple[int, ...], ...] = ()

    def mask(self, path: str, index: Sequence[int | slice]) -> NDArray[np.bool_]:
        """Return the pixels on which the units ``index`` of an output depend."""
        value = self.outputs[path].signal.values[0][tuple(index)]
        if not value.requires_grad:
            return np.zeros(self.image.shape[2:], dtype=np.bool_)
        (gradient,) = torch.autograd.grad(
            BRIGHT * value.sum(), self.image, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        found: NDArray[np.bool_] = (gradient[0] > 0).any(0).numpy()
        return found


class Probe:
    """Determines by gradients on which pixels the units of a module depend.

    The module runs unchanged, but on signals (:mod:`convscope.verification.signals`): convolutions and linear layers
    keep their geometry with even weights, maxima become averages, activations pass everything on, products of two
    tensors become sums. So a pixel has a gradient exactly if the unit depends on it, whatever was learned. Attention
    masks count as open, and stored matrices as dense.

    The mode, hooks, tensors and attributes of the module and the random generators are left unchanged. Its tensors are
    never read, so it may be on any device, including ``meta``.

    Args:
        module: a module of any architecture.
        given: shape of its only input, ``c h w``, or how it is called if it has several.
        of: number of the input whose pixels are probed; nothing flows from the others.

    >>> probe = Probe(torch.nn.Conv2d(1, 4, 3, dilation=2), (1, 9, 9))
    >>> int(probe.unit("", (0, 0)).sum())
    9
    """

    def __init__(self, module: nn.Module, given: Shape | Taken, of: int = 0) -> None:
        self.module: nn.Module = module
        self.taken: Taken = given if isinstance(given, Taken) else Taken((Input(INPUT, given),), {}, "")
        self.of: int = of
        self._modules = dict(module.named_modules(remove_duplicate=False))
        self._paths: set[str] = {""}
        self._runs: dict[bool, Run] = {}

    def follow(self, paths: Iterable[str]) -> None:
        """Also keep the outputs of these modules.

        Raises:
            UnknownNameError: there is no such module.
        """
        new = set(paths) - self._paths
        for path in new:
            if path not in self._modules:
                raise UnknownNameError(f'no module is called "{path}"', attempt=nearest(path, self._modules))
        if new:
            self._paths |= new
            self._runs.clear()

    def run(self, *, gates: bool = True) -> Run:
        """Run a forward pass and keep it for later questions.

        Raises:
            ShapeError: the module fails on such an input.
        """
        if gates not in self._runs:
            with unchanged(self.module):
                wanted = {path: self._modules[path] for path in self._paths}
                self._runs[gates] = _run(self.module, self.taken, self.of, wanted, gates=gates)
        return self._runs[gates]

    def unit(self, path: str, at: Sequence[int], *, gates: bool = True) -> NDArray[np.bool_]:
        """Return the pixels on which all channels of one unit depend.

        Args:
            path: path of the module; empty for the entire model.
            at: position along each output axis along which units differ; empty if they do not differ.
            gates: also follow paths that lost their position: squeeze-excite, global attention, statistics of maps.

        Raises:
            UnknownNameError: there is no such module.
            FieldError: ``at`` lies outside the output.
        """
        self.follow([path])
        run = self.run(gates=gates)
        output = _output(run, path)
        axes = sorted({axis for some in output.position.axes for axis in some})
        if len(at) != len(axes):
            raise FieldError(f"the units of {path or 'the module'} lie along {len(axes)} axes, but at has {len(at)}")
        index: list[int | slice] = [slice(None)] * len(output.position.shape)
        for axis, position in zip(axes, at, strict=True):
            if not 0 <= position < output.position.shape[axis]:
                raise FieldError(
                    f"at={position} is out of range", expected=f"a unit from 0 to {output.position.shape[axis] - 1}"
                )
            index[axis] = position
        return run.mask(path, index)

    def last_map(self) -> Position:
        """Return the last output that is a map.

        Raises:
            ShapeError: no output is a map.
        """
        found = self.run().last
        if found is None:
            raise ShapeError("no module returns a map")
        return found


def _output(run: Run, path: str) -> Output:
    try:
        return run.outputs[path]
    except KeyError:
        raise FieldError(f"{path or 'the module'} returned no tensor that depends on the input") from None


class _Keeper:
    """A forward hook that keeps the outputs of modules."""

    def __init__(self, module: nn.Module, flow: Flow, wanted: dict[str, nn.Module]) -> None:
        self.flow: Flow = flow
        self.wanted: dict[str, nn.Module] = wanted
        self.paths = {part: path for path, part in module.named_modules()}
        self.outputs: dict[str, Output] = {}
        self.positions: dict[str, Position] = {}
        self.last: Position | None = None

    def keep(self, module: nn.Module, _: Any, given: Any) -> None:
        """Keep an output; called after every module."""
        if module in self.paths:
            with _disable_current_modes(), torch.enable_grad():
                self._keep(module, given)

    def _keep(self, module: nn.Module, given: Any) -> None:
        signal = next(filter(None, map(self.flow.signal, _tensors(given))), None)
        if signal is None:
            return
        position = Position(self.paths[module], signal.shape, tuple(signal.varying()))
        self.positions[position.path] = position
        if position.is_map:
            self.last = position
        paths = [path for path, part in self.wanted.items() if part is module]
        if paths:  # later operators may write into it
            output = Output(position, signal.copy())
            self.outputs.update(dict.fromkeys(paths, output))


def _tensors(given: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor)]


def _run(module: nn.Module, taken: Taken, of: int, wanted: dict[str, nn.Module], *, gates: bool) -> Run:
    shape = taken.inputs[of].shape
    image, start = _start(shape)
    flow = Flow(stored(module), gates=gates, width=len(start.values))
    keeper = _Keeper(module, flow, wanted)
    like = next((tensor for tensor in module.parameters() if tensor.is_floating_point()), torch.empty(0))
    with ExitStack() as stack:
        # a global hook, so that this module keeps its own
        stack.callback(register_module_forward_hook(keeper.keep).remove)
        stack.callback(flow.restore)
        stack.enter_context(unfused())
        stack.enter_context(torch.no_grad())
        stack.enter_context(flow)
        try:
            args, kwargs = taken.call(_inputs(taken, of, start, like))
            results = tuple(tuple(tensor.shape) for _, tensor in returned(module(*args, **kwargs)))
        except ConvscopeError:
            raise
        except Exception as error:
            raise _failed(error, shape) from error
    doubts = tuple(flow.doubts)
    macs = flow.macs, flow.stored_macs
    return Run(keeper.outputs, keeper.positions, keeper.last, *macs, doubts, image, results)


def _inputs(taken: Taken, of: int, start: Signal, like: Tensor) -> list[Tensor]:
    """Return the module's inputs: the probed signal, others from which nothing flows, integers as is."""
    found: list[Tensor] = []
    for at, one in enumerate(taken.inputs):
        if one.kind != KINDS[0]:
            kind = torch.bool if one.kind == "bool" else torch.long
            found.append(torch.zeros(sizes_in(one.order, one.shape), dtype=kind, device=like.device))
            continue
        signal = start if at == of else Signal(tuple(torch.zeros(1, *one.shape).double() for _ in start.values))
        lies = signal.each(partial(arranged, order=one.order))
        found.append(Shadow(lies, like.dtype, like.device))
    return found


def _start(shape: Shape) -> tuple[Tensor, Signal]:
    """Return ones, whose gradients are taken, and a ramp along each axis longer than 1."""
    image = torch.ones(1, *shape, dtype=torch.float64, requires_grad=True)
    values = [image * 1]  # the module must not write to the image itself
    for axis, size in enumerate(shape[1:], 2):
        if size > 1:
            ramp = torch.linspace(0, 1, size, dtype=torch.float64)
            values.append(ramp.reshape(size, *[1] * (len(shape) - axis)).expand(image.shape).clone())
    return image, Signal(tuple(values))


def _failed(error: Exception, shape: Shape) -> ShapeError:
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return ShapeError(f"the module cannot be run on an input of {to_text(shape)}: {line}")
