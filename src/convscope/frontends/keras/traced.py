"""Tracing of users' code in Keras models: it is run once on symbolic tensors, and Keras records the calls.

The result is a functional model with the layers and weights of the original. Users' own layers, and a model that
defines its layers in code, are entered instead of called. The model is left unchanged.
"""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.core.graph import INPUT
from convscope.errors import FieldError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convscope.frontends.given import Asked, Given


@dataclass
class Traced:
    """A functional model, traced from the code of another one.

    Attributes:
        model: the functional model.
        variables: variables of the original that its code uses directly.
    """

    model: Any
    variables: list[Any] = field(default_factory=list)


def stated(model: Any) -> bool:
    """Return whether a model states its calls: it is Sequential or functional."""
    return hasattr(model, "_outputs_struct") or hasattr(model, "_functional")


def own(layer: Any) -> bool:
    """Return whether it is a user's own layer, whose class is not Keras's."""
    return type(layer).__module__.partition(".")[0] != "keras"


@contextmanager
def traced(model: Any, asked: Asked) -> Iterator[Traced]:
    """Trace the calls of a model within the block. A functional model without users' layers is returned as is.

    Raises:
        FieldError: the sizes of the inputs are unknown.
        ModelError: code that defines the layers does not run on symbolic tensors.
    """
    layers = list(model._flatten_layers())  # noqa: SLF001 -- Keras has no public way to list all of them
    with ExitStack() as stack:
        stack.enter_context(_configured(layers[1:]))
        found = Traced(model)
        if not stated(model) or any(map(own, layers[1:])):
            stack.enter_context(_unrecorded([*layers, *(getattr(model, "operations", None) or ())]))
            found = _found(model, asked, layers[1:])
            stack.enter_context(_numbered(found.variables))
        yield found


def _found(model: Any, asked: Asked, layers: list[Any]) -> Traced:
    """Return the first functional model that succeeds: users' layers entered or called; any batch or one sample."""
    given = _inputs(model, asked)
    if given is None:
        return Traced(model)
    first: Exception | None = None
    for enter in (True, False) if any(map(own, layers)) else (False,):
        if not enter and stated(model):
            break
        for batch in (None, 1):
            found = _attempt(model, given, layers if enter else [], batch)
            if isinstance(found, Traced):
                return found
            first = first or found
    if stated(model):
        return Traced(model)
    reason = (str(first).strip().splitlines() or [type(first).__name__])[0]
    raise ModelError(
        f"{type(model).__name__} defines its layers in code that does not run on symbolic tensors: {reason[:200]}",
        expected="a call method that uses only Keras layers and functions of keras.ops",
    )


def _attempt(model: Any, given: Any, layers: list[Any], batch: int | None) -> Traced | Exception:
    """Return the functional model, or the exception of its code."""
    keras = sys.modules["keras"]
    variables: list[Any] = []
    try:
        with _entered(layers), _numbered(variables):
            made = keras.tree.map_structure(lambda one: one.input(keras, batch), given)
            known = _parameters(model)
            by_name = isinstance(made, dict) and set(made) <= set(known)
            named = {"training": False} if "training" in known else {}
            result = model.call(**made, **named) if by_name else model.call(made, **named)
            found = keras.Model(made, result, name=model.name)
            found.to_json()
    except Exception as error:  # noqa: BLE001 -- the user's own code
        return error
    return Traced(found, variables)


@dataclass(frozen=True)
class _Wanted:
    """An input to create, with its sizes after the batch."""

    name: str
    sizes: tuple[int | None, ...]
    kind: str = "float32"

    def input(self, keras: Any, batch: int | None) -> Any:
        """Create a symbolic tensor."""
        return keras.Input(self.sizes, batch_size=batch, name=self.name, dtype=self.kind)


def _inputs(model: Any, asked: Asked) -> Any:
    """Return the caller's inputs, or those for which the model was built; None if it is not built yet."""
    if stated(model):
        struct = getattr(model, "_inputs_struct", None)
        struct = getattr(model, "inputs", None) if struct is None else struct
        if struct is None:
            return None
        keras = sys.modules["keras"]
        return keras.tree.map_structure(lambda one: _Wanted(one.name, tuple(one.shape[1:]), str(one.dtype)), struct)
    if asked.named:
        return _checked(model, {name: _wanted(name, one) for name, one in asked.named.items()})
    if asked.first is not None:
        return _checked(model, _wanted(INPUT, asked.first))
    built = getattr(model, "_build_shapes_dict", None)
    if not built:
        raise FieldError(
            f"{type(model).__name__} does not state the size of its input", expected='such as input="224x224x3"'
        )
    shapes = {name.removesuffix("_shape"): shape for name, shape in built.items()}
    found = {name: _built(name, shape) for name, shape in shapes.items() if shape is not None}
    return _checked(model, next(iter(found.values())) if len(found) == 1 else found)


def _checked(model: Any, given: Any) -> Any:
    """Check that the model can be called with the inputs.

    Raises:
        FieldError: the model takes other inputs.
    """
    try:
        found = inspect.signature(model.call).parameters.values()
    except (TypeError, ValueError):
        return given
    placed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one.name for one in found if one.kind in placed and one.default is inspect.Parameter.empty]
    needed = [name for name in needed if name not in {"training", "mask"}]
    if len(needed) > 1 and not (isinstance(given, dict) and set(needed) <= set(given)):
        sizes = " --input ".join(f"{name}=HxWxC" for name in needed)
        raise FieldError(
            f"{type(model).__name__} takes {len(needed)} inputs: {', '.join(needed)}",
            expected=f"a size for each: --input {sizes}",
        )
    return given


def _wanted(name: str, given: Given) -> _Wanted:
    if given.constant is not None or given.order:
        raise FieldError(
            f"{name}: a Keras model takes the batch first, and its inputs cannot be constants", expected="HxWxC"
        )
    kinds = {"int": "int32", "bool": "bool"}
    return _Wanted(name, (*given.shape[1:], given.shape[0]), kinds.get(given.kind, "float32"))


def _built(name: str, shape: Any) -> Any:
    """Return inputs of the sizes for which a model was built, with their nesting."""
    if isinstance(shape, dict):
        return {key: _built(key, one) for key, one in shape.items()}
    if isinstance(shape, list | tuple) and any(isinstance(one, list | tuple) for one in shape):
        return [_built(f"{name}_{at}", one) for at, one in enumerate(shape)]
    return _Wanted(name, tuple(shape[1:]))


def _parameters(layer: Any) -> list[str]:
    try:
        return list(inspect.signature(layer.call).parameters)
    except (TypeError, ValueError):
        return []


@contextmanager
def _unrecorded(layers: list[Any]) -> Iterator[None]:
    """Restore the call records of layers, and Keras's counters in names, after the block."""
    state = sys.modules["keras"].src.backend.common.global_state
    numbers = dict(state.get_global_attribute("object_name_uids", {}))
    once = {id(one): one for one in layers}.values()
    kept = [(one, list(one._inbound_nodes), list(one._outbound_nodes)) for one in once]  # noqa: SLF001 -- Keras has no public way
    try:
        yield
    finally:
        for one, inbound, outbound in kept:
            one._inbound_nodes, one._outbound_nodes = inbound, outbound  # noqa: SLF001 -- Keras has no public way
        state.set_global_attribute("object_name_uids", defaultdict(int, numbers))


@contextmanager
def _entered(layers: list[Any]) -> Iterator[None]:
    """Enter users' own layers instead of calling them."""
    wide = {id(one) for one in layers if own(one)}
    with ExitStack() as stack:
        for kind in {type(one) for one in layers if id(one) in wide}:
            stack.enter_context(_replaced(kind, "__call__", _calling(kind.__call__, wide)))
        yield


def _calling(before: Callable[..., Any], wide: set[int]) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **named: Any) -> Any:
        if id(self) not in wide:
            return before(self, *args, **named)
        if not self.built:  # then Keras does that
            before(self, *args, **named)
        known = _parameters(self)
        return self.call(*args, **{name: one for name, one in named.items() if name in known})

    return call


@contextmanager
def _numbered(variables: list[Any]) -> Iterator[None]:
    """Let variables among the arguments of a function serialise to their number in a list, which grows."""
    kind = sys.modules["keras"].Variable

    def config(self: Any) -> dict[str, int]:
        at = next((at for at, one in enumerate(variables) if one is self), len(variables))
        if at == len(variables):
            variables.append(self)
        return {"number": at}

    with _replaced(kind, "get_config", config):
        yield


@contextmanager
def _replaced(kind: type, name: str, value: Any) -> Iterator[None]:
    """Replace a method of a class within the block."""
    before = kind.__dict__.get(name)
    setattr(kind, name, value)
    try:
        yield
    finally:
        if before is None:
            delattr(kind, name)
        else:
            setattr(kind, name, before)


@contextmanager
def _configured(layers: list[Any]) -> Iterator[None]:
    """Let users' own layers without a configuration state their name only."""
    with ExitStack() as stack:
        done: set[type] = set()
        for one in layers:
            if own(one) and type(one) not in done and not _says(one):
                done.add(type(one))
                stack.enter_context(_replaced(type(one), "get_config", _bare))
        yield


def _says(layer: Any) -> bool:
    try:
        layer.get_config()
    except Exception:  # noqa: BLE001 -- the user's own code
        return False
    return True


def _bare(self: Any) -> dict[str, Any]:
    return {"name": self.name, "trainable": self.trainable}
