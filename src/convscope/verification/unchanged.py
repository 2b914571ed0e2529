"""Preservation of a module's state and of the random generators."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Use evaluation mode within the block; restore modes, hooks, attributes and random generators after it.

    Values of parameters and buffers are not copied here; code that runs the module keeps those that it writes to.

    >>> net = torch.nn.Dropout().train()
    >>> with unchanged(net):
    ...     net.training
    False
    >>> net.training
    True
    """
    before = [
        (part, _contents(vars(part))) for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)
    ]
    modes = [(part, part.training) for part in module.modules()]
    chance = random.getstate(), np.random.get_state()  # noqa: NPY002 -- the global generator that a module may use
    try:
        with torch.random.fork_rng(devices=[]):
            for part, _ in modes:  # not by eval(), which a class may have overridden
                part.training = False
            yield
    finally:
        for part, training in modes:
            part.training = training
        for part, contents in before:
            _restore(vars(part), contents)
        random.setstate(chance[0])
        np.random.set_state(chance[1])  # noqa: NPY002 -- as above


def stored(module: nn.Module) -> list[Tensor]:
    """Yield parameters, buffers, and tensors that are plain attributes."""
    plain = (value for part in module.modules() for value in vars(part).values() if isinstance(value, Tensor))
    return [*module.parameters(), *module.buffers(), *plain]


@contextmanager
def unfused() -> Iterator[None]:
    """Disable fused kernels within the block, so that matrix products stay visible."""
    fast = torch.backends.mha.get_fastpath_enabled()
    library = torch._C._get_mkldnn_enabled()  # noqa: SLF001 -- the public context warns without an Intel GPU
    try:
        torch.backends.mha.set_fastpath_enabled(value=False)
        torch._C._set_mkldnn_enabled(False)  # noqa: SLF001, FBT003 -- as above
        with sdpa_kernel([SDPBackend.MATH]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
        torch._C._set_mkldnn_enabled(library)  # noqa: SLF001 -- as above


def _contents(attributes: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Copy the attributes, with the content of lists and dictionaries."""
    return {
        name: (value, value.copy() if isinstance(value, dict | list | set) else None)
        for name, value in attributes.items()
    }


def _restore(attributes: dict[str, Any], contents: dict[str, tuple[Any, Any]]) -> None:
    for name in attributes.keys() - contents.keys():
        del attributes[name]
    for name, (value, held) in contents.items():
        attributes[name] = value
        if held is None:
            continue
        if isinstance(value, list):
            value[:] = held
        else:
            value.clear()
            value.update(held)
