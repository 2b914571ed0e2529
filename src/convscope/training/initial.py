"""The weights that a run starts from, if its model brought them: ``initial.safetensors``, sealed like the settings.

So a run that is resumed or repeated starts from the same weights, wherever the model is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load, save

from convscope import files
from convscope.backends.torch import TorchNet, weights_in, weights_out
from convscope.errors import ModelError, RunError
from convscope.training import contents
from convscope.training.contents import INITIAL
from convscope.training.head import rows_kept

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.core.net import Net
    from convscope.training.head import Head

    Tensors = Mapping[str, NDArray[Any]]

ROOM = 2**24
"""Room for names in a file of weights [byte]."""


def with_head(head: Head, tensors: Tensors, seed: int) -> dict[str, NDArray[Any]]:
    """Return all weights of a net with a new head, whose new rows are drawn with the seed.

    Args:
        head: the net, and which rows of its head are known.
        tensors: the weights that are brought, by ``layer.tensor``.
        seed: for the new rows.
    """
    if not head.name:
        return dict(tensors)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = {name: one.numpy() for name, one in weights_out(TorchNet(head.net)).items()}
    mine = {f"{head.name}.{key}" for key in ("weight", "bias")}
    return {
        name: rows_kept(one, tensors[name], head.rows) if name in mine else tensors[name] for name, one in fresh.items()
    }


def packed(net: Net, tensors: Tensors) -> bytes:
    """Return the content of the file, after a check that the weights are those of the net.

    Raises:
        ModelError: they are not.
    """
    model = TorchNet(net)
    fill(model, tensors)
    return save(weights_out(model))


def fill(model: TorchNet, tensors: Tensors) -> None:
    """Give a model weights that are brought.

    Raises:
        ModelError: they are not those of its net.
    """
    try:
        weights_in(model, {name: torch.from_numpy(np.array(one)) for name, one in tensors.items()})
    except (ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"the weights do not belong to this net: {error}") from None


def has(seals: Mapping[str, str]) -> bool:
    """Return whether a run with these seals starts from weights that were brought."""
    return INITIAL in seals


def load_into(model: TorchNet, run: Path, seals: Mapping[str, str], weights: int) -> None:
    """Give a model the weights that a run starts from, if it has any.

    Args:
        model: the model.
        run: the folder.
        seals: SHA-256 of the settings of the run, by file name.
        weights: size of the weights of the net [byte].

    Raises:
        RunError: the file is missing or damaged, or holds weights of another net.
    """
    if has(seals):
        _into(model, run, tensors(run, seals, weights))


def tensors(run: Path, seals: Mapping[str, str], weights: int) -> dict[str, Tensor]:
    """Return the weights that a run starts from, by ``layer.tensor``.

    Raises:
        RunError: as for :func:`load_into`.
    """
    content = contents.read(run, INITIAL, 2 * weights + ROOM)
    if content is None or files.sha256(content) != seals[INITIAL]:
        raise RunError(f"{run / INITIAL} is {'missing' if content is None else 'damaged'}")
    try:
        return load(content)
    except (ValueError, LookupError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise RunError(f"{run / INITIAL} is damaged: {error}") from None


def _into(model: TorchNet, run: Path, found: dict[str, Tensor]) -> None:
    try:
        weights_in(model, found)
    except (ValueError, RuntimeError) as error:
        raise RunError(f"{run / INITIAL} does not hold weights of the net: {error}") from None
