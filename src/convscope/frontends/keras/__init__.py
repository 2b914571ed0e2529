"""Networks of Keras: files are read as plain data and live models by what they state of themselves.

Keras is not imported, nothing of a file is run, and no object is made from it.
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
        path: of the file.
        given: shape ``c h w`` of the input; None takes that of the model.

    Raises:
        ModelError: the file is damaged, no model of Keras, or holds a layer that cannot be read.
        FieldError: the model leaves the size of its input open, or takes another one.
        ShapeError: a layer does not fit its input.
        LimitError: the model needs more work or memory than its file is worth.
    """
    try:
        with question():
            return net_of(load(path), given)
    except ConvscopeError as error:
        raise error.add(written=str(path)) from None


def read_model(model: Any, given: Asked | Shape | None = None) -> Net:
    """Read a live model by its own configuration; its weights are taken when they are asked for.

    Args:
        model: Sequential, functional, or one whose layers are only in the code of its call; that is run once on
            symbolic tensors.
        given: shape ``c h w`` of the input; None takes that of the model.

    Raises:
        ModelError: the model does not state what it is made of, or holds a layer that cannot be read.
        FieldError: the model leaves the size of its input open, or takes another one.
        ShapeError: a layer does not fit its input.
    """
    asked = of_shape(given)
    with traced(model, asked) as found:
        store = LiveStore(found.model, model, tuple(found.variables))
        net = net_of(_source(found.model, store), asked)
    return replace(net, unused=(*net.unused, *store.unused()))


def _source(model: Any, store: LiveStore) -> Source:
    """What a Sequential or functional model says of itself."""
    try:
        text = model.to_json()
    except Exception as error:  # noqa: BLE001 -- what a layer of the user's own may raise
        raise ModelError(
            f"the model does not say what it is made of: {line(error)}",
            expected="a Sequential or functional model, whose own layers have a get_config",
        ) from None
    like = getattr(model, "_outputs_struct", None)
    return Source(parsed(text.encode()), old=False, store=store, weights=True, like=like)
