"""``convscope.verify``: from whatever a net can be read from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from convscope.backends.torch import TorchNet
from convscope.core.net import Net
from convscope.core.shape import from_text
from convscope.errors import FieldError
from convscope.frontends import read
from convscope.verification.claims import compare

if TYPE_CHECKING:
    from convscope.verification.result import Verification


def verify(
    source: nn.Module | Net | str | Path,
    *,
    input: str | None = None,  # noqa: A002 -- the word of the notation
    units: int = 8,
    seed: int = 0,
) -> Verification:
    """Probe the real model and compare it with what is claimed of it: params, MACs, shapes, fields of units.

    A live module is held against the net that is read from it; any other net against the module that it is lowered to.
    Fields are probed by gradients with even weights and every path open, pixel by pixel, with gates and without.

    Args:
        source: a module of PyTorch, a net, or what :func:`convscope.read` takes.
        input: size of the input, ``HxWxC``; needed for a module, overrides what a text says.
        units: how many units are probed: the middle and the corners of the last map, others by chance.
        seed: of the chance.

    Raises:
        FieldError: ``input`` is missing or no size, or ``units`` is no number from 1.
        ShapeError: the model cannot be run on such an input.

    >>> print(verify("input 9x9x1, conv 1 3x3 d2, conv 1 3x3 d2", units=1))
    what                     claimed             probed              agrees
    params                   20                  20                  yes
    MACs                     234                 234                 yes
    shapes                   2 outputs           the same            yes
    field of conv2 at 0, 0   0…8, 0…8: 25 of 81  0…8, 0…8: 25 of 81  yes
    <BLANKLINE>
    input 9x9x1 · 4 checks, all agree
    """
    if isinstance(source, nn.Module):
        return _live(source, input, units, seed)
    if isinstance(source, Net) and input is not None:
        raise FieldError("a net has its input already", expected="input for a module or a text")
    net = source if isinstance(source, Net) else read(source, input=input)
    parts = {f"parts.{number}": layer.node.name for number, layer in enumerate(net)}
    return compare(TorchNet(net), net, parts, units=units, seed=seed)


def _live(module: nn.Module, size: str | None, units: int, seed: int) -> Verification:
    from convscope.frontends.torch import read_module  # only live modules need it

    if size is None:
        raise FieldError("a module does not say its input", expected='input, such as "224x224x3"')
    read_in = read_module(module, from_text(size))
    return compare(module, read_in.net, read_in.outputs, units=units, seed=seed)
