"""Ways to bring a net out, one for each language: a literal list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.errors import unknown
from convscope.frontends.text import write as write_notation
from convscope.writers.dot import write_dot
from convscope.writers.torch_code import torch_code, torch_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from convscope.core.net import Net

    Tensors = Mapping[str, NDArray[Any]]

__all__ = ["WRITERS", "torch_state", "write"]

WRITERS: dict[str, Callable[[Net], str]] = {
    "notation": write_notation,
    "torch": torch_code,
    "dot": write_dot,
}
"""Languages that are text, and what writes them."""


def write(net: Net, *, to: str) -> str:
    """A net in another language.

    Args:
        net: what to write.
        to: ``notation``, ``torch``, ``dot``.

    Raises:
        UnknownNameError: there is no such language.
        WriteError: the language has no words for an op; the error names the layer.

    >>> import convscope as cs
    >>> write(cs.read("input 8x8x1, conv 4 3x3 relu"), to="notation")
    'input 8x8x1, conv 4 3x3 relu'
    """
    if to not in WRITERS:
        raise unknown("language", to, WRITERS)
    return WRITERS[to](net)
