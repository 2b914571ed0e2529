"""Writing nets: a literal list of languages.

Text is written by ``write``; the tensors of a net under the names of the written code by ``torch_state`` and
``keras_state``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convscope.budget import question
from convscope.core.source import net_of
from convscope.errors import WriteError, unknown
from convscope.extras import missing_extra
from convscope.writers.keras_code import keras_state
from convscope.writers.torch_code import torch_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from convscope.core.net import Net

__all__ = ["BINARY", "WRITERS", "keras_state", "torch_state", "write"]

WRITERS = {
    "notation": ("convscope.frontends.text", "write"),
    "torch": ("convscope.writers.torch_code", "torch_code"),
    "keras": ("convscope.writers.keras_code", "keras_code"),
    "onnx": ("convscope.writers.onnx_file", "onnx_bytes"),
    "keras_model": ("convscope.writers.keras_file", "keras_bytes"),
    "dot": ("convscope.writers.dot", "write_dot"),
}
"""The module and function that writes each language."""

BINARY = ("onnx", "keras_model")
"""Binary languages that include the weights."""


def write(
    net: object,
    *,
    to: str = "notation",
    input: object = None,  # noqa: A002 -- the word of the notation
    tensors: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
) -> str | bytes:
    """Write a net in another language.

    Args:
        net: a net, or anything that :func:`convscope.read` takes.
        input: size of the input, if ``net`` does not state it.
        to: ``notation``, ``torch`` or ``keras`` (the source of a Python module), ``dot`` (a graph for Graphviz), or
            ``onnx`` or ``keras_model`` (the bytes of a file, with weights).
        tensors: for these two, the weights by ``layer.tensor``; by default, those of an imported net, or random ones.
        seed: seed of random weights.

    Raises:
        UnknownNameError: there is no such language.
        WriteError: the language cannot express an op; the error names the layer.
        MissingExtraError: ``onnx`` is not installed.
        LimitError: writing costs too much for a net of this size.

    >>> import convscope as cs
    >>> write(cs.read("input 8x8x1, conv 4 3x3 relu"))
    'input 8x8x1, conv 4 3x3 relu'
    """
    if to not in WRITERS:
        raise unknown("language", to, WRITERS)
    found = net_of(net, input)
    with question(layers=len(found)):
        return _written(found, to, tensors, seed)


def _written(net: Net, to: str, tensors: Mapping[str, NDArray[Any]] | None, seed: int) -> str | bytes:
    module, name = WRITERS[to]
    writer = getattr(import_module(module), name)
    if to not in BINARY:
        if tensors is not None:
            raise WriteError(f"{to} holds no tensors", expected=f"tensors with {' or '.join(BINARY)} only")
        return str(writer(net))
    try:
        return bytes(writer(net, tensors, seed))
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise missing_extra("onnx", "onnx") from None
