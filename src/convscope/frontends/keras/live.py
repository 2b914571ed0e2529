"""A live Keras model: its values, and the facts that its layers state.

Keras need not be imported, since a live model has loaded it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.op import Weight
from convscope.errors import ModelError
from convscope.frontends.keras.weights import Shaped
from convscope.frontends.others import line
from convscope.frontends.tensors.values import Const, Root

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from numpy.typing import NDArray

    from convscope.frontends.keras.spec import Owner, Sizes


class LiveStore:
    """A model of the running program."""

    merged = False
    wish = "a layer that states its output_shape, or whose code runs on symbolic Keras tensors"

    def __init__(self, model: Any, whole: Any, variables: tuple[Any, ...] = ()) -> None:
        """A store of a model.

        Args:
            model: the model that is read, Sequential or functional.
            whole: the user's model, from whose code it may have been created.
            variables: variables that the code of the user's model uses directly.
        """
        self.model: Any = model
        self.whole: Any = whole
        self.variables: tuple[Any, ...] = variables
        self._layers: dict[int, dict[str, Any]] = {}

    def key(self, owner: Owner) -> Hashable:
        """See :class:`Store`; a layer in two models is one."""
        found = self._find(owner)
        return owner if found is None else id(found)

    def load(self, owner: Owner, at: int, name: str) -> NDArray[Any]:
        """See :class:`Store`."""
        layer = self._find(owner)
        found: dict[str, Any] = {}
        try:
            variable = _variable(layer, name)
            if variable is not None:  # unmerged, while saving would merge LoRA
                return _numpy(variable)
            layer.save_own_variables(found)
            return _numpy(found[str(at)])
        except Exception as error:  # noqa: BLE001 -- the library that stores them may raise anything
            raise ModelError(f"{owner.scope}: the values of {name} cannot be read: {line(error)}") from None

    def stated(self, owner: Owner) -> tuple[Weight, ...] | None:
        """See :class:`Store`."""
        layer = self._find(owner)
        weights = getattr(layer, "weights", None)
        if weights is None:
            return None
        kept = {id(one) for part in _inside(layer) for one in getattr(part, "_non_trainable_variables", ())}
        names = [f"{owner.scope}.{getattr(one, 'name', 'weight')}" for one in weights]
        return tuple(
            Weight(
                name, tuple(one.shape), id(one) not in kept, id(one) not in kept and not one.trainable, str(one.dtype)
            )
            for name, one in zip(names, weights, strict=True)
        )

    def fact(self, owner: Owner, name: str) -> tuple[str, bool] | None:
        """See :class:`Store`."""
        layer = self._find(owner)
        found = _variable(layer, name)
        if found is None:
            return None
        own = {id(one) for one in getattr(layer, "_trainable_variables", ())}
        return str(found.dtype), bool(found.trainable) or id(found) not in own

    def held(self, number: int) -> Const:
        """See :class:`Store`."""
        if not 0 <= number < len(self.variables):
            raise ModelError(f"there is no variable {number}")
        found = self.variables[number]
        sizes = tuple(found.shape)
        stored = {id(one) for part in _inside(self.whole) for one in getattr(part, "_non_trainable_variables", ())}
        root = Root(("variable", id(found)), _called(found), sizes, not found.trainable, str(found.dtype))
        return Const(sizes, lambda: _numpy(found), () if id(found) in stored else (root,))

    def unused(self) -> tuple[Weight, ...]:
        """Return learned tensors of the user's model that no layer reads."""
        read = {id(one) for one in (*self.model.weights, *self.variables)}
        stored = {id(one) for part in _inside(self.whole) for one in getattr(part, "_non_trainable_variables", ())}
        return tuple(
            Weight(_called(one), tuple(one.shape), frozen=not one.trainable, dtype=str(one.dtype))
            for one in self.whole.weights
            if id(one) not in read | stored
        )

    def outputs(self, owner: Owner, args: Any, named: Any) -> tuple[Sizes, ...] | None:
        """See :class:`Store`: the sizes that the layer recorded in a call with such tensors, or states for them."""
        layer, keras = self._find(owner), sys.modules.get("keras")
        if layer is None or keras is None:
            return None
        try:
            found = _recorded(layer, args, named, keras)
            found = _asked(layer, args, named, keras) if found is None else found
        except Exception:  # noqa: BLE001 -- the user's own code
            return None
        return tuple(tuple(one.shape) for one in keras.tree.flatten(found))

    @contextmanager
    def opened(self) -> Iterator[None]:
        """See :class:`Store`."""
        yield

    def _find(self, owner: Owner) -> Any:
        found = self.model
        for name in owner.path:
            if name.startswith("@"):
                found = getattr(found, name[1:], None)
            else:
                known = self._layers.setdefault(id(found), _parts(found))
                found = known.get(name)
        return found


def _numpy(value: Any) -> NDArray[Any]:
    """Return the values of a variable of any library: floats, or the integers of a quantised kernel."""
    whole = str(getattr(value, "dtype", "")) in {"int8", "uint8"}
    value = getattr(value, "value", value)
    value = value() if callable(value) else value
    if hasattr(value, "detach"):
        value = value.detach().cpu() if whole else value.detach().cpu().float()
    return np.asarray(value) if whole else np.asarray(value, dtype=np.float32)


def _variable(layer: Any, name: str) -> Any:
    """Return a variable of a layer by name; None if it has none."""
    found = (getattr(layer, one, None) for one in (f"_{name}", name))
    return next((one for one in found if hasattr(one, "assign")), None)


def _called(variable: Any) -> str:
    return str(getattr(variable, "path", "weight")).replace("/", ".")


def _inside(layer: Any) -> Iterator[Any]:
    """Yield a layer and all layers that it contains."""
    yield layer
    for one in getattr(layer, "_layers", ()):
        yield from _inside(one)


def _parts(model: Any) -> dict[str, Any]:
    """Return the layers of a model by name, and functions that it calls."""
    found = [*(getattr(model, "operations", None) or ()), *(getattr(model, "layers", None) or ())]
    return {one.name: one for one in found}


def _recorded(layer: Any, args: Any, named: Any, keras: Any) -> Any:
    """Return the output of a layer at the model's creation, if it was called once with tensors of these sizes."""
    try:
        given, result = layer.input, layer.output
    except (AttributeError, ValueError):  # never, or more than once
        return None
    mine = [one.sizes for one in keras.tree.flatten([args, named]) if isinstance(one, Shaped)]
    its = [tuple(one.shape) for one in keras.tree.flatten(given)]
    same = [one[1:] for one in mine] == [one[1:] for one in its]
    return result if same else None


def _asked(layer: Any, args: Any, named: Any, keras: Any) -> Any:
    """Return the output sizes that a layer states for tensors of these sizes."""
    made = keras.tree.map_structure(
        lambda one: keras.KerasTensor(one.sizes) if isinstance(one, Shaped) else one, [list(args), dict(named)]
    )
    return layer.compute_output_spec(*made[0], **made[1])
