"""A whole model out of a file of torch: to load it runs code from the file, so only what somebody trusts comes here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from convscope.errors import ModelError
from convscope.frontends.aside import aside
from convscope.frontends.others import said, stops
from convscope.frontends.own import importable


def load_trusted(path: str | Path) -> nn.Module:
    """Load a pickled module, a TorchScript program or an exported one (``.pt2``).

    **This runs code from the file.** The class of a pickled module is looked for beside the file and in the current
    folder, too.

    Args:
        path: of the file. In a dictionary, the one module is taken.

    Raises:
        ModelError: the file cannot be loaded, or holds no module.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), importable(path.parent, Path()), aside():
            warnings.simplefilter("ignore")  # of torch to who calls it: which of its loaders is old
            found = _loaded(path)
    except BaseException as error:
        if stops(error):
            raise
        raise ModelError(f"{path.name} cannot be loaded: {said(error)}") from None
    modules = [one for one in (found.values() if isinstance(found, dict) else [found]) if isinstance(one, nn.Module)]
    if len(modules) != 1:
        kind = f"a dictionary with {len(modules)} modules" if isinstance(found, dict) else type(found).__name__
        raise ModelError(f"{path.name} holds {kind}", expected="one complete PyTorch module")
    return modules[0]


def _loaded(path: Path) -> Any:
    if path.suffix.lower() == ".pt2":
        return torch.export.load(path).module()
    return torch.load(path, map_location="cpu", weights_only=False)
