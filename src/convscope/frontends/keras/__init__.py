"""Keras models: files are read as plain data, and live models by their own configuration.

To read a model, Keras is not imported, nothing in a file is run, and no object is created from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.budget import question
from convscope.errors import ConvscopeError, ModelError
from convscope.frontends.given import of_shape
from convscope.frontends.keras.archive import Source, load, parsed
from convscope.frontends.keras.live import LiveStore
from convscope.frontends.keras.reader import net_of
from convscope.frontends.keras.traced import traced
from convscope.frontends.others import line

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked

__all__ = ["read_file", "read_model"]


def read_file(path: Path, given: Asked | Shape | None = None) -> Net:
    """Read a ``.keras`` archive or an old ``.h5`` file.

    Args:
        path: path of the file.
        given: shape ``c h w`` of the input; None for that of the model.

    Raises:
        ModelError: the file is damaged, not a Keras model, or contains a layer that cannot be read.
        FieldError: the model does not state the size of its input, or takes another one.
        ShapeError: a layer does not fit its input.
        LimitError: the model needs too much work or memory for the size of its file.
    """
    try:
        with question():
            return net_of(load(path), given)
    except ConvscopeError as error:
        raise error.add(written=str(path)) from None


def read_model(model: Any, given: Asked | Shape | None = None) -> Net:
    """Read a live model by its own configuration; its weights are loaded on demand.

    Args:
        model: a Sequential or functional model, or one that defines its layers in the code of its call, which is run
            once on symbolic tensors.
        given: shape ``c h w`` of the input; None for that of the model.

    Raises:
        ModelError: the model does not state its layers, or contains a layer that cannot be read.
        FieldError: the model does not state the size of its input, or takes another one.
        ShapeError: a layer does not fit its input.
    """
    asked = of_shape(given)
    with traced(model, asked) as found:
        store = LiveStore(found.model, model, tuple(found.variables))
        net = net_of(_source(found.model, store), asked)
    return replace(net, unused=(*net.unused, *store.unused()))


def _source(model: Any, store: LiveStore) -> Source:
    """Return the configuration of a Sequential or functional model."""
    try:
        text = model.to_json()
    except Exception as error:  # noqa: BLE001 -- a user's own layer may raise anything
        raise ModelError(
            f"the model does not say what it is made of: {line(error)}",
            expected="a Sequential or functional model, whose own layers have a get_config",
        ) from None
    like = getattr(model, "_outputs_struct", None)
    return Source(parsed(text.encode()), old=False, store=store, weights=True, like=like)
