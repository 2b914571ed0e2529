"""The weights of a net, loaded when they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.budget import allow, hold, question
from convscope.errors import LimitError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.frontends.tensors.values import Const

WIDTH = 4
"""Bytes of a weight."""


@dataclass(frozen=True)
class Guarded:
    """Weights by ``layer.tensor``; what goes wrong with them is the fault of the file.

    Attributes:
        path: of the model.
        size: of its file [byte].
        loaders: for each layer, the tensors that its lowering takes.
    """

    path: Path
    size: int
    loaders: Mapping[str, Mapping[str, Const]]

    def __call__(self) -> dict[str, NDArray[Any]]:
        """Load them.

        Raises:
            ModelError: they are not what the model says.
            LimitError: they take more work or memory than their files are worth.
        """
        try:
            with question():
                allow(size=self.size)
                return {
                    f"{layer}.{name}": _loaded(f"{layer}.{name}", const)
                    for layer, found in self.loaders.items()
                    for name, const in found.items()
                }
        except (ModelError, LimitError) as error:
            raise error.add(subject=str(self.path)) from None
        except Exception as error:
            raise ModelError(f"the weights in {self.path} cannot be computed: {error!s:.200}") from error


def _loaded(name: str, const: Const) -> NDArray[Any]:
    try:
        hold(WIDTH * math.prod(const.sizes))
        return const.load()
    except LimitError as error:
        raise error.add(subject=name) from None
