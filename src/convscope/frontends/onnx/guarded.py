"""The weights of a net, loaded on demand."""

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
"""Size of a value of a weight [byte]."""


@dataclass(frozen=True)
class Guarded:
    """Weights by ``layer.tensor``; errors in loading are reported as faults of the file.

    Attributes:
        path: path of the model.
        size: size of its file [byte].
        loaders: for each layer, the tensors of its lowering.
    """

    path: Path
    size: int
    loaders: Mapping[str, Mapping[str, Const]]

    def __call__(self) -> dict[str, NDArray[Any]]:
        """Load the weights.

        Raises:
            ModelError: the weights do not match the model.
            LimitError: they take too much work or memory for the size of their files.
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
