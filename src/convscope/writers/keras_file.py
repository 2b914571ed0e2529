"""A net as the bytes of a ``.keras`` file: what Keras saves of the model that the written code builds.

The code is our own, with nothing of a net in it but numbers and quoted names, so it is run here.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from convscope.errors import WriteError
from convscope.frontends.aside import aside
from convscope.frontends.keras.installed import installed
from convscope.frontends.others import described, stops
from convscope.writers.keras_code import classes, keras_code, keras_state
from convscope.writers.weights import checked, initial, refuse_large, size_of, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from convscope.core.net import Net


def keras_bytes(net: Net, tensors: Mapping[str, NDArray[Any]] | None = None, seed: int = 0) -> bytes:
    """A model of Keras 3 in float32, channels last, as its ``save`` writes it.

    Args:
        net: what to write.
        tensors: weights by ``layer.tensor``; where there are none, those of the net, or random ones.
        seed: of the random ones.

    Raises:
        WriteError: an op has no spelling, or one in code only; a tensor is missing, or there is too much of them.
        MissingExtraError: Keras is not installed.
    """
    refuse_large(size_of(net))
    code = keras_code(net)
    for layer, name in classes(net).items():
        what = f"{layer} needs a layer that Keras does not have, {name}, and a .keras file holds no code"
        raise WriteError(what, expected="Python code: --to keras, or -o with a name that ends in .py")
    found = tensors if tensors is not None else stored(net)
    state = keras_state(net, checked(net, initial(net, seed) if found is None else found))
    with _as_installed(installed()):
        return _saved(code, state)


def _saved(code: str, state: Mapping[str, list[NDArray[Any]]]) -> bytes:
    names: dict[str, Any] = {"__name__": "written"}
    try:
        with aside(), warnings.catch_warnings(), TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # of what others say of code that is not the user's
            exec(compile(code, "<written by convscope>", "exec"), names)  # noqa: S102 -- our own code
            model = names["build"]()
            for name, arrays in state.items():
                model.get_layer(name).set_weights(arrays)
            path = Path(folder, "net.keras")
            model.save(path)
            return path.read_bytes()
    except BaseException as error:
        if stops(error):
            raise
        raise WriteError(f"Keras cannot build or save the model: {described(error)}") from error


@contextmanager
def _as_installed(keras: Any) -> Iterator[None]:
    """Channels last and float32, whatever the user has set for models of their own."""
    config = keras.config
    before = config.image_data_format(), config.floatx(), config.dtype_policy()
    _set(config, "channels_last", "float32", "float32")
    try:
        yield
    finally:
        _set(config, *before)


def _set(config: Any, data_format: str, floatx: str, policy: Any) -> None:
    config.set_image_data_format(data_format)
    config.set_floatx(floatx)
    config.set_dtype_policy(policy)
