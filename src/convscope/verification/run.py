"""``convscope.verify``, for anything from which a net can be read."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from convscope.backends.machine import free_memory
from convscope.backends.torch import TorchNet
from convscope.core.net import Net
from convscope.errors import FieldError, MachineError, ShapeError
from convscope.frontends import named, read
from convscope.frontends.aside import aside
from convscope.frontends.given import asked, hinted
from convscope.verification.claims import compare
from convscope.view.numbers import bytes_text

if TYPE_CHECKING:
    from convscope.frontends.given import Asked
    from convscope.verification.result import Verification


@torch.inference_mode(mode=False)
@torch.enable_grad()  # the caller may have disabled gradients
def verify(
    source: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    units: int = 8,
    seed: int = 0,
) -> Verification:
    """Probe the real model and compare it with its claimed params, MACs, shapes and fields of units.

    A PyTorch module, live or by name, is compared with the net that is read from it. Any other net is compared with the
    module that is built from it; so is that of a quantised module, which has no gradients. Fields are probed by
    gradients with every path open, pixel by pixel, with gates and without.

    Args:
        source: a net, or anything that :func:`convscope.read` takes.
        input: size of the input, ``HxWxC``, or any other form that :func:`convscope.read` takes; required for a live
            module, and overrides the source.
        units: number of units to probe: the middle and the corners of the last map, and random ones.
        seed: for the random choice.

    Raises:
        FieldError: ``input`` is missing or not a size, or ``units`` is less than 1.
        ShapeError: the model cannot be run on such an input.
        ConvscopeError: ``source`` cannot be read for another reason.

    >>> print(verify("input 11x11x1, conv 1 3x3 d2, conv 1 3x3 d2", units=1))
    what                    claimed             probed              agrees
    params                  20                  20                  yes
    MACs                    522                 522                 yes
    shapes                  2 outputs           the same            yes
    field of conv2 at 1, 1  1…9, 1…9: 25 of 81  1…9, 1…9: 25 of 81  yes
    <BLANKLINE>
    input 11x11x1 · 4 checks, all agree
    """
    if isinstance(source, nn.Module) and not _is_keras(source):
        return _live(source, asked(input), units, seed)
    if isinstance(source, str) and named.is_name(source):
        model, usual = named.model(source)
        if isinstance(model, nn.Module) and not _is_keras(model):
            return _live(model, asked(input) or usual, units, seed)
    if isinstance(source, Net) and input is not None:
        raise FieldError("a net already has its input", expected="input only with a model or a text")
    return _built(source if isinstance(source, Net) else read(source, input=input), units, seed)


def _built(net: Net, units: int, seed: int) -> Verification:
    """Compare a net with the module that is built from it.

    Raises:
        MachineError: the module and its activations do not fit into memory.
    """
    weights = sum(weight.count for layer in net for weight in layer.weights or ())
    values = sum(math.prod(layer.output) for layer in net)
    need, free = FLOAT * (weights + COPIES * values), free_memory()
    if free is not None and need > free:
        what = f"verifying this net needs about {bytes_text(need)} of memory"
        raise MachineError(what, given=f"{bytes_text(free)} are free", attempt="a smaller --input")
    parts = {f"parts.{number}": layer.node.name for number, layer in enumerate(net)}
    return compare(TorchNet(net), net, parts, units=units, seed=seed)


FLOAT, COPIES = 4, 2
"""Size of a value, and the copies of an output: a signal and its gradient."""

QUANTISED = "the module is quantised and has no gradients, so a module built from the net was probed instead"


def _is_quantised(module: nn.Module) -> bool:
    """Return whether some weights are packed for integer kernels."""
    values = (value for part in module.modules() for value in vars(part).values())
    return any(type(one) is torch.ScriptObject for value in values for one in _each(value))  # scripts, too


def _each(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _is_keras(module: nn.Module) -> bool:
    """Return the module to probe; a Keras model on PyTorch is a module, but reads images with channels last."""
    return any(kind.__module__.partition(".")[0] == "keras" for kind in type(module).__mro__)


def _live(module: nn.Module, shape: Asked, units: int, seed: int) -> Verification:
    from convscope.frontends.torch import read_module  # only modules need it
    from convscope.frontends.torch.ends import Taken

    if not shape:
        raise FieldError("a module does not state the size of its input", expected='input, such as "224x224x3"')
    with (
        aside(),
        warnings.catch_warnings(),
        torch.compiler.set_stance("force_eager"),
    ):  # compiled code runs eagerly, as written
        warnings.filterwarnings("ignore", "Using `torch.compile")  # the warning that it is called with hooks
        try:
            imported = read_module(module, shape)
        except ShapeError as error:
            raise hinted(error, shape) from None
        if _is_quantised(module):
            found = _built(imported.net, units, seed)
            return replace(found, doubts=(*found.doubts, QUANTISED))
        taken = Taken.of(module, shape)
        return compare(module, imported.net, imported.outputs, units=units, seed=seed, taken=taken)
