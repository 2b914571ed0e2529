"""The values in a file of weights: ``.safetensors``, or a state_dict in ``.pt`` or ``.pth``. No code in it is run."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from convscope import files
from convscope.errors import ModelError
from convscope.frontends.weights import read_weights
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MOST = 2**33
"""Limit for a file of weights [byte]."""

WITHIN = ("state_dict", "model_state_dict", "model", "ema")
"""Keys under which trainers keep the weights of a model, the first one first."""

BEFORE = ("module.", "_orig_mod.", "model.")
"""Prefixes that data-parallel training, compilers and trainers put before each name."""


def state_in(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a file by name, in float32 where they are floating-point numbers.

    Raises:
        ModelError: it is not a file of weights, or it is damaged.
        LimitError: its description is larger than that of any model.
    """
    form = read_weights(path).form
    try:
        content = files.read(path, MOST)
        held: Any = load(content) if form == "safetensors" else _unpickled(path)
    except OSError as error:
        raise ModelError(f"{inert(str(path))} cannot be read: {error.strerror}") from None
    except (
        ValueError,
        LookupError,
        TypeError,
        RuntimeError,
        pickle.UnpicklingError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelError(f"{inert(str(path))} is damaged: {inert(str(error).splitlines()[0])}") from None
    state = _model(held)
    other = [name for name, one in state.items() if not isinstance(one, Tensor)]
    if other or not state:
        raise ModelError(
            f"{inert(str(path))} does not hold the weights of one model", expected="a state_dict: names and tensors"
        )
    plain = {name: one.detach().float() if one.is_floating_point() else one.detach() for name, one in state.items()}
    return bare(plain)


def packed(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the content of a ``.safetensors`` file."""
    return save({name: torch.from_numpy(np.array(one)) for name, one in tensors.items()})


def _unpickled(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _model(held: Any) -> dict[str, Any]:
    """Return the state_dict in what a trainer saved."""
    for key in WITHIN:
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            return _model(held[key])
    return dict(held) if isinstance(held, dict) else {}


def bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors without a prefix that all of their names share.

    >>> list(bare({"module.fc.weight": torch.zeros(1), "module.fc.bias": torch.zeros(1)}))
    ['fc.weight', 'fc.bias']
    """
    found = dict(state)
    for prefix in BEFORE:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): one for name, one in found.items()}
    return found
