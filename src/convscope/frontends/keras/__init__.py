"""Networks of Keras: files are read as plain data and live models by what they state of themselves.

Keras is not imported, nothing of a file is run, and no object is made from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.errors import ConvscopeError, ModelError
from convscope.frontends.keras.archive import Source, load, parsed
from convscope.frontends.keras.live import LiveStore
from convscope.frontends.keras.reader import net_of

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
    """
    try:
        return net_of(load(path), given)
    except ConvscopeError as error:
        raise error.add(written=str(path)) from None


def read_model(model: Any, given: Asked | Shape | None = None) -> Net:
    """Read a live model by its own configuration; its weights are taken when they are asked for.

    Args:
        model: Sequential or functional.
        given: shape ``c h w`` of the input; None takes that of the model.

    Raises:
        ModelError: the model does not state what it is made of, or holds a layer that cannot be read.
        FieldError: the model leaves the size of its input open, or takes another one.
        ShapeError: a layer does not fit its input.
    """
    try:
        text = model.to_json()
    except Exception as error:  # noqa: BLE001 -- what a layer of the user's own may raise
        raise ModelError(
            f"the model does not say what it is made of: {error}",
            expected="a Sequential or functional model, whose own layers have a get_config",
        ) from None
    config = parsed(text.encode())
    if not isinstance(config.get("config"), dict) or "layers" not in config["config"]:
        raise ModelError(
            f"{type(model).__name__} does not say what it is made of", expected="a Sequential or functional model"
        )
    like = getattr(model, "_outputs_struct", None)
    return net_of(Source(config, old=False, store=LiveStore(model), weights=True, like=like), given)
