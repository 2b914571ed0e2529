"""From a Keras configuration to a net: every call of a layer becomes layers of the net, in order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING, Any

from convscope.budget import spend
from convscope.errors import ConvscopeError, ModelError, ShapeError
from convscope.frontends.given import of_shape
from convscope.frontends.keras.ends import given_to, returned, taken
from convscope.frontends.keras.here import BeyondError, Here
from convscope.frontends.keras.opaque import UnstatedError, opaque, rest
from convscope.frontends.keras.plan import Held, Plan, Ref, plan
from convscope.frontends.keras.rules import rule_of
from convscope.frontends.keras.settings import parts
from convscope.frontends.keras.spec import Owner
from convscope.frontends.tensors.builder import Builder
from convscope.frontends.tensors.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from numpy.typing import NDArray

    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked
    from convscope.frontends.keras.archive import Source
    from convscope.frontends.keras.spec import Sizes, Spec
    from convscope.frontends.keras.weights import Store

ONCE, AGAIN, PART = 50, 200, 3
"""Steps for the first call of a layer, for each further call, and for each part of a call."""

_MISTAKES = (
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)
"""The errors that a rule raises for invalid settings."""


def net_of(source: Source, given: Asked | Shape | None) -> Net:
    """Build the net of a configuration.

    Args:
        source: the configuration, and its weights.
        given: shape ``c h w`` of the input; None for that of the model.

    Raises:
        ModelError: the configuration is not that of a model, or has a part that cannot be read.
        FieldError: the size of the input is not stated, or does not fit the model.
        ShapeError: a layer does not fit its input.
    """
    made = plan(source.config, Owner(), old=source.old)
    inputs = taken(made, of_shape(given))
    builder = Builder.of([one.input for one in inputs if one.input])
    top = source.config["config"]
    frozen = isinstance(top, dict) and top.get("trainable") is False
    reading = Reading(builder, source.store, trusted=all(one.as_stated for one in inputs), frozen=frozen)
    values = reading.run(made, given_to(builder, inputs))
    net = builder.net(returned(builder, made, values, source.like))
    assert net.tensors is not None
    tensors = _Tensors(net.tensors, source.store) if source.weights else None
    return replace(net, tensors=tensors, notes=tuple(reading.notes))


@dataclass(frozen=True)
class _Tensors:
    """Return a function that loads weights by ``layer.tensor``, with the file open only during the call."""

    inner: Callable[[], dict[str, NDArray[Any]]]
    store: Store

    def __call__(self) -> dict[str, NDArray[Any]]:
        with self.store.opened():
            return self.inner()


class Reading:
    """Converts calls to layers.

    Args:
        builder: takes the layers.
        store: gives the weights.
        trusted: whether the sizes that the configuration states apply to this input.
        frozen: whether the entire model is frozen.
    """

    def __init__(self, builder: Builder, store: Store, *, trusted: bool, frozen: bool = False) -> None:
        self.builder: Builder = builder
        self.store: Store = store
        self.trusted: bool = trusted
        self.frozen: bool = frozen
        self.plans: dict[int, Plan] = {}  # plans of nested models, by their position in the configuration
        self.called: dict[int, float] = {}  # cost of a further call of each nested model
        self.ran: set[int] = set()  # plans
        self.seen: set[Hashable] = set()
        self.ends: dict[str, ModelError] = {}  # layers with outputs of unknown shape, and why nothing may read them
        self.notes: list[str] = []

    def run(self, made: Plan, inputs: list[Value], lead: int = 1) -> list[Value]:
        """Return the outputs of a model."""
        if len(inputs) != len(made.inputs):
            raise ModelError(f"the model takes {len(made.inputs)} inputs, but is called with {len(inputs)} tensors")
        found: dict[tuple[str, int], Any] = {
            (ref.layer, ref.call): value for ref, value in zip(made.inputs, inputs, strict=True)
        }
        price = PART if id(made) in self.ran else 0  # the first call is covered by the size of the file
        self.ran.add(id(made))
        spend(price * (len(made.inputs) + len(made.outputs)))
        for step in made.steps:
            sizes = made.sizes_of(step) if self.trusted else ()
            with _explained(step.spec):
                spend(price * step.parts + len(sizes))
                args, named = _filled([list(step.args), step.named], found, self.store)
            found[step.spec.name, step.call] = self.call(step.spec, args, named, lead=lead, sizes=sizes)
        return [_filled(ref, found, self.store) for ref in made.outputs]

    def call(
        self,
        spec: Spec,
        args: list[Any],
        named: dict[str, Any],
        *,
        lead: int = 1,
        sizes: tuple[Sizes | None, ...] = (),
    ) -> Any:
        """Return the output of a layer: a tensor, or several.

        Raises:
            ConvscopeError: the layer cannot be read; the error names it and its class.
        """
        with _explained(spec):
            spend(self._price(spec))
        if spec.model and (spec.ours or "input_layers" in spec.settings.values):
            return self._model(spec, args, lead)
        values = list(_values([args, list(named.values())]))
        for value in values:
            if value.node in self.ends:
                raise self.ends[value.node]
        named = {name: value for name, value in named.items() if value is not None and name != "training"}
        first = values[0] if values else None
        here = Here(self.builder, spec, self.store, self.call, lead, first, sizes, self.frozen)
        mark = self.builder.mark()
        with self._called(spec), _explained(spec):
            found = self._made(here, args, named, values, mark)
        self._count_once(spec, mark[0])
        return found

    def _price(self, spec: Spec) -> float:
        """Count steps for a call. A model that is used twice in a model that is used twice ... grows fast."""
        known = self.called.get(id(spec.raw))
        if known is None:
            self.called[id(spec.raw)] = AGAIN + (0 if spec.model else parts(spec.settings.values) / 2)
            return ONCE
        return known

    def _made(
        self, here: Here, args: list[Any], named: dict[str, Any], values: list[Value], mark: tuple[int, str, bool]
    ) -> Any:
        """Apply the rule of the layer; without a rule, return an opaque layer."""
        rule = rule_of(here.spec)
        failed = None
        if rule and _takes(rule, args, named):
            try:
                return rule(here, *args, **named)
            except BeyondError:
                pass
            except ShapeError as error:
                if error.given or error.expected:  # the layer does not fit; otherwise no layers compute this
                    raise
                failed = error
            self.builder.back_to(mark)
        if failed and not values:
            raise failed
        try:
            return opaque(here, args, named, values)
        except UnstatedError as error:
            if not values or here.lead > 1 or here.spec.kind != "Lambda":
                raise ModelError(error.what, expected=error.expected) from None
            return self._end(here, values, error)

    def _end(self, here: Here, values: list[Value], error: UnstatedError) -> Value:
        """Return the output of a layer of unknown shape, which is valid only if nothing reads it."""
        found = rest(here, values)
        name = f"{here.spec.owner.scope} ({here.spec.kind})"
        error.add(subject=name)
        self.ends[found.node] = error
        what = "does not state the shape of its output, so every size is shown as 1"
        self.notes.append(f"{name} {what}; to see its shape, give {error.expected}")
        return found

    def _model(self, spec: Spec, args: list[Any], lead: int) -> Any:
        with _explained(spec):
            made = self.plans.get(id(spec.raw)) or plan(spec.raw, spec.owner, old=spec.old)
            self.plans[id(spec.raw)] = made
            found = self.run(made, _ordered(made, args), lead)
        return found[0] if len(found) == 1 else found

    @contextmanager
    def _called(self, spec: Spec) -> Iterator[None]:
        """Name layers of the net after the layer of the model."""
        before = self.builder.scope, self.builder.whole_scope
        self.builder.scope, self.builder.whole_scope = spec.owner.scope, True
        try:
            yield
        finally:
            self.builder.scope, self.builder.whole_scope = before

    def _count_once(self, spec: Spec, start: int) -> None:
        """Return the tensors of a layer once for all its uses, and the learned ones of a function."""
        key = self.store.key(spec.owner)
        if key not in self.seen and not spec.operation:
            self.seen.add(key)
            return
        layers = self.builder.layers
        for at in range(start, len(layers)):
            learned = spec.operation and any(weight.trained for weight in layers[at].weights or ())
            if layers[at].weights != () and not learned:
                own = replace(layers[at].node.own, weights=())
                layers[at] = replace(layers[at], node=replace(layers[at].node, own=own))


_signature = lru_cache(maxsize=1024)(signature)


def _takes(rule: Callable[..., Any], args: list[Any], named: dict[str, Any]) -> bool:
    """Return whether a rule supports all arguments of the layer."""
    try:
        _signature(rule).bind(None, *args, **named)
    except TypeError:
        return False
    return True


@contextmanager
def _explained(spec: Spec) -> Iterator[None]:
    """Add the layer and its class to errors."""
    scope = spec.owner.scope
    try:
        yield
    except ConvscopeError as error:
        if not error.what.startswith(
            tuple(f"{scope}{mark}" for mark in (":", ".", " (", "_"))
        ):  # otherwise an inner layer is named, or a layer of the net with this name
            error.add(subject=f"{scope} ({spec.kind})")
        raise
    except _MISTAKES as error:
        raise ModelError(f"{scope} ({spec.kind}): its settings are not compatible: {str(error)[:200]}") from None


def _values(nested: Any) -> Iterator[Value]:
    if isinstance(nested, Value):
        yield nested
    elif isinstance(nested, list | tuple | dict):
        for one in nested.values() if isinstance(nested, dict) else nested:
            yield from _values(one)


def _ordered(made: Plan, args: list[Any]) -> list[Value]:
    """Return the tensor arguments of a model, in the order of its inputs."""
    if len(args) == 1 and isinstance(args[0], dict) and sorted(args[0]) == sorted(made.keys):
        return list(_values([args[0][name] for name in made.keys]))
    return list(_values(args))


def _filled(nested: Any, found: dict[tuple[str, int], Any], store: Store) -> Any:
    """Replace references in arguments with tensors."""
    if isinstance(nested, Held):
        return store.held(nested.number)
    if isinstance(nested, Ref):
        value = found.get((nested.layer, nested.call))
        if isinstance(value, list | tuple):
            value = value[nested.output] if nested.output < len(value) else None
        elif nested.output:
            value = None
        if not isinstance(value, Value):
            raise ModelError(f"output {nested.output} of {nested.layer} is not a tensor that can be read")
        return value
    if isinstance(nested, list | tuple):
        return [_filled(one, found, store) for one in nested]
    if isinstance(nested, dict):
        return {name: _filled(one, found, store) for name, one in nested.items()}
    return nested
