"""Complete models in torch files; loading runs code from the file, so only trusted files get here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from convscope.errors import ModelError
from convscope.frontends.aside import aside
from convscope.frontends.others import described, stops
from convscope.frontends.own import importable


def load_trusted(path: str | Path) -> nn.Module:
    """Load a pickled module, a TorchScript program or an exported one (``.pt2``).

    **This runs code from the file.** The class of a pickled module is also searched beside the file and in the current
    folder.

    Args:
        path: path of the file. A dictionary must contain exactly one module.

    Raises:
        ModelError: the file cannot be loaded, or contains no module.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), importable(path.parent, Path()), aside():
            warnings.simplefilter("ignore")  # torch warns its callers that a loader is deprecated
            found = _loaded(path)
    except BaseException as error:
        if stops(error):
            raise
        raise ModelError(f"{path.name} cannot be loaded: {described(error)}") from None
    modules = [one for one in (found.values() if isinstance(found, dict) else [found]) if isinstance(one, nn.Module)]
    if len(modules) != 1:
        kind = f"a dictionary with {len(modules)} modules" if isinstance(found, dict) else type(found).__name__
        raise ModelError(f"{path.name} holds {kind}", expected="one complete PyTorch module")
    return modules[0]


def _loaded(path: Path) -> Any:
    if path.suffix.lower() == ".pt2":
        return torch.export.load(path).module()
    return torch.load(path, map_location="cpu", weights_only=False)
