"""A Keras configuration as calls of layers in topological order."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convscope.budget import about, spend
from convscope.errors import ModelError
from convscope.frontends.keras.settings import array, shown, whole
from convscope.frontends.keras.spec import Owner, Sizes, Spec, sizes, spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INPUT = "InputLayer"

LAYER, REF, ARRAY = 50, 14, 50
"""Steps for a layer as written, for a tensor in a call, and for numbers among these."""

MAX_OUTPUTS = 2**20
"""The most outputs of a call."""


Nested = tuple[str | int, ...]
"""A path in nested lists and dicts."""


@dataclass(frozen=True)
class Ref:
    """An output of a call of a layer."""

    layer: str
    call: int
    output: int = 0


@dataclass(frozen=True)
class Held:
    """A variable of a live model among the arguments of a function, by number."""

    number: int


@dataclass(frozen=True)
class Step:
    """A call of a layer.

    Attributes:
        spec: the layer.
        call: number of the call, from 0.
        args: its arguments, with :class:`Ref` for tensors.
        named: its keyword arguments, likewise.
        parts: number of values in these.
    """

    spec: Spec
    call: int
    args: tuple[Any, ...]
    named: dict[str, Any]
    parts: int


@dataclass(frozen=True)
class Plan:
    """The calls of a model, in topological order.

    Attributes:
        steps: calls in topological order.
        inputs: the inputs of the model.
        outputs: its outputs, with the keys of dicts in alphabetical order, as in Keras.
        paths: positions of the outputs in the returned structure; empty for a single one.
        sizes: sizes of tensors, if the configuration states them.
        input_sizes: sizes of the inputs.
        kinds: dtypes of the inputs.
        keys: names of the inputs, if they are passed as a dict.
        channels_first: whether the layers take ``n c h w``.
    """

    steps: tuple[Step, ...]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    paths: tuple[Nested, ...]
    sizes: dict[Ref, Sizes]
    input_sizes: tuple[Sizes | None, ...]
    kinds: tuple[str, ...]
    keys: tuple[str, ...]
    channels_first: bool

    def sizes_of(self, step: Step) -> tuple[Sizes | None, ...]:
        """Return the sizes of the outputs of a call, as far as the configuration states them."""
        return self._by_call.get((step.spec.name, step.call), ())

    @cached_property
    def _by_call(self) -> dict[tuple[str, int], tuple[Sizes | None, ...]]:
        found: dict[tuple[str, int], dict[int, Sizes]] = {}
        for ref, stated in self.sizes.items():
            found.setdefault((ref.layer, ref.call), {})[ref.output] = stated
        spend(sum(max(one) for one in found.values()))
        return {call: tuple(map(one.get, range(max(one) + 1))) for call, one in found.items()}


def plan(raw: dict[str, Any], owner: Owner, *, old: bool) -> Plan:
    """Plan the calls of a model.

    Args:
        raw: its configuration, with ``class_name`` and ``config``.
        owner: the model itself.
        old: written by Keras 1 or 2.

    Raises:
        ModelError: it is not a Keras model, refers to a missing layer, or is cyclic.
    """
    config = raw["config"]
    entries = config if isinstance(config, list) else config["layers"]
    with about(f"{owner.scope or 'the model'}, {len(entries):,} layers"):
        spend(LAYER * len(entries))
    numbers: Counter[str] = Counter()
    layers = [spec(one, owner, numbers, old=old) for one in entries]
    twice = [name for name, count in Counter(one.name for one in layers).items() if count > 1]
    if twice:
        raise ModelError(f'two layers are called "{twice[0]}"')
    if not layers:
        raise ModelError("the model has no layers")
    if isinstance(config, dict) and "input_layers" in config:
        return _functional(config, layers)
    return _sequential(raw, layers)


def _channels_first(layers: list[Spec]) -> bool:
    return any(one.settings.get("data_format") == "channels_first" for one in layers)


def input_sizes(one: Spec) -> Sizes | None:
    """Return the input size that an input, or the first layer of an old model, states."""
    for name in ("batch_shape", "batch_input_shape"):
        found = sizes(one.settings.get(name))
        if found:
            return found
    inner = sizes(one.settings.get("input_shape", one.settings.get("shape")))
    return None if inner is None else (None, *inner)


def _sequential(raw: dict[str, Any], layers: list[Spec]) -> Plan:
    config = raw["config"] if isinstance(raw["config"], dict) else {}
    stated, kind = input_sizes(layers[0]), ""
    if layers[0].kind == INPUT:
        kind = str(layers[0].settings.get("dtype"))
        first, layers = layers[0].name, layers[1:]
    else:
        first = "input"
        build = raw.get("build_config")
        stated = stated or sizes(config.get("build_input_shape"))
        stated = stated or (sizes(build.get("input_shape")) if isinstance(build, dict) else None)
    refs = [Ref(first, 0), *(Ref(one.name, 0) for one in layers)]
    steps = tuple(Step(one, 0, (before,), {}, 1) for one, before in zip(layers, refs, strict=False))
    known = {ref: one.built for ref, one in zip(refs, layers, strict=False) if one.built}
    return Plan(steps, (refs[0],), (refs[-1],), ((),), known, (stated,), (kind,), (), _channels_first(layers))


def _functional(config: dict[str, Any], layers: list[Spec]) -> Plan:
    names = {one.name: one for one in layers}
    known: dict[Ref, Sizes] = {}
    reader = _Arguments(names, known)
    steps: list[Step] = []
    for one in layers:
        with about(one.owner.scope):
            steps += reader.steps(one)
    with about("the inputs and outputs of a model"):
        taken = tuple(reader.results(config.get("input_layers")))
        made = tuple(reader.results(_alone(config.get("output_layers"))))
    if not taken or not made:
        raise ModelError("the model does not state its inputs or outputs", expected="input_layers and output_layers")
    inputs, outputs = tuple(ref for _, ref in taken), tuple(ref for _, ref in made)
    paths = tuple(path for path, _ in made)
    keys = tuple(path[0] for path, _ in taken if len(path) == 1 and isinstance(path[0], str))
    stated = tuple(input_sizes(names[ref.layer]) for ref in inputs)
    kinds = tuple(str(names[ref.layer].settings.get("dtype")) for ref in inputs)
    keys = keys if len(keys) == len(inputs) else ()
    order = _in_order(steps, inputs)
    return Plan(order, inputs, outputs, paths, known, stated, kinds, keys, _channels_first(layers))


def _alone(raw: Any) -> Any:
    """Unwrap a list of a single output, as Keras does."""
    return raw[0] if isinstance(raw, list) and len(raw) == 1 and not _is_old_ref(raw) else raw


class _Arguments:
    """Parses the arguments of layers.

    Args:
        names: the layers of the model.
        known: receives sizes of tensors that are stated.
    """

    def __init__(self, names: dict[str, Spec], known: dict[Ref, Sizes]) -> None:
        self.names, self.known = names, known
        self.parts = 0
        self.counts = {name: len(_nodes(one)) for name, one in names.items()}

    def steps(self, one: Spec) -> Iterator[Step]:
        """The calls of a layer."""
        for call, node in enumerate(_nodes(one)):
            before = self.parts
            if isinstance(node, dict):
                args, named = self.value(node.get("args", [])), self.value(node.get("kwargs", {}))
            else:
                args, named = self._old(node)
            if not isinstance(args, list) or not isinstance(named, dict):
                raise ModelError(f"{one.name} is called with {shown(node)}", expected="a dictionary of args and kwargs")
            yield Step(one, call, tuple(args), named, self.parts - before)

    def _old(self, node: object) -> tuple[list[Any], dict[str, Any]]:
        """Parse a call in the form of Keras 2: a list for each tensor, ending in keyword arguments."""
        if not isinstance(node, list) or not all(_is_old_ref(one) for one in node):
            raise ModelError(f"{shown(node)} is not a valid call", expected="lists of [layer, call, output]")
        found = [self.ref(one, inner=True) for one in node]
        named: dict[str, Any] = {}
        for one in node:
            if len(one) == 4 and isinstance(one[3], dict):
                named |= {key: self._old_value(value) for key, value in one[3].items()}
        return [found[0] if len(found) == 1 else found] if found else [], named

    def _old_value(self, raw: Any) -> Any:
        self.parts += 1
        if _is_old_ref(raw) and raw[0] in self.names:
            return self.ref(raw, inner=True)
        return [self._old_value(one) for one in raw] if isinstance(raw, list) else raw

    def value(self, raw: Any) -> Any:
        """Parse an argument in the form of Keras 3."""
        self.parts += 1
        if isinstance(raw, list):
            return [self.value(one) for one in raw]
        if not isinstance(raw, dict):
            return raw
        kind = raw.get("class_name")
        made = _WRAPPED.get(kind) if isinstance(kind, str) else None
        config = raw.get("config")
        if kind == "__keras_tensor__" and isinstance(config, dict):
            return self._tensor(config)
        if made and isinstance(config, dict):
            spend(ARRAY)
            return made(raw, config)
        return {key: self.value(one) for key, one in raw.items()}

    def _tensor(self, config: dict[str, Any]) -> Ref:
        history = config.get("keras_history")
        if not _is_old_ref(history):
            raise ModelError(f"{shown(history)} is not a valid keras_history", expected="[layer, call, output]")
        assert isinstance(history, list)
        found = self.ref(history, inner=False)
        stated = sizes(config.get("shape"))
        if stated:
            self.known[found] = stated
        return found

    def ref(self, raw: list[Any], *, inner: bool) -> Ref:
        """Resolve ``[layer, call, output]``.

        A model that is used as a layer has a first call of its own from its creation. Whether Keras counts it depends
        on the position of the reference (``inner``) and on the kind of the model.
        """
        spend(REF)
        self.parts += 1
        name, call, output = raw[0], whole(raw[1]), whole(raw[2])
        if name not in self.names:
            raise ModelError(f"a layer reads {shown(name)}, which is not in the model")
        calls = self.counts[name]
        assert call is not None
        assert output is not None
        one = self.names[name]
        counted = inner and (one.old or "input_layers" in one.settings.values)
        if one.model and call and (counted or call >= calls):
            call -= 1
        if not 0 <= call < max(calls, 1) or not 0 <= output < MAX_OUTPUTS:
            what = (
                f"a layer reads output {shown(output)} of call {shown(call)} of {name}, which is called {calls} times"
            )
            raise ModelError(what)
        return Ref(name, call, output)

    def results(self, raw: Any, path: Nested = ()) -> Iterator[tuple[Nested, Ref]]:
        """Yield the tensors of ``input_layers`` or ``output_layers`` with their paths, in any nesting."""
        if _is_old_ref(raw):
            yield path, self.ref(raw, inner=True)
        elif isinstance(raw, list | dict):
            pairs: Any = enumerate(raw) if isinstance(raw, list) else sorted(raw.items())
            for step, one in pairs:
                yield from self.results(one, (*path, step))
        else:
            raise ModelError(f"{shown(raw)} is not a valid input or output", expected="[layer, call, output]")


def _slice(raw: dict[str, Any], config: dict[str, Any]) -> slice:  # noqa: ARG001 -- as its neighbours
    return slice(*(whole(config.get(name)) for name in ("start", "stop", "step")))


def _held(raw: dict[str, Any], config: dict[str, Any]) -> Held:  # noqa: ARG001 -- as its neighbours
    number = whole(config.get("number"))
    return Held(-1 if number is None else number)


_WRAPPED: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "__slice__": _slice,
    "Variable": _held,
    "__ellipsis__": lambda raw, config: Ellipsis,  # noqa: ARG005 -- as its neighbours
    "__numpy__": lambda raw, config: array(raw),  # noqa: ARG005 -- as its neighbours
    "__tensor__": lambda raw, config: array(raw),  # noqa: ARG005 -- as its neighbours
}
"""Keras's encodings of values that JSON lacks."""


def _is_old_ref(raw: object) -> bool:
    if not isinstance(raw, list) or len(raw) not in {3, 4} or not isinstance(raw[0], str):
        return False
    return whole(raw[1]) is not None and whole(raw[2]) is not None


def _nodes(one: Spec) -> list[Any]:
    """Return the calls of a layer as written."""
    found = one.raw.get("inbound_nodes", [])
    if not isinstance(found, list):
        raise ModelError(f"{one.name}: inbound_nodes={shown(found)}", expected="a list")
    return found


def refs(value: Any) -> Iterator[Ref]:
    """Yield the tensors in an argument."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, list | tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from refs(one)


def _in_order(steps: list[Step], inputs: tuple[Ref, ...]) -> tuple[Step, ...]:
    """Sort the calls topologically, otherwise in the order in which they are written.

    Raises:
        ModelError: there is a cycle.
    """
    there = {(ref.layer, ref.call) for ref in inputs}
    readers: dict[tuple[str, int], list[int]] = {}
    missing = []
    for at, step in enumerate(steps):
        need = {(ref.layer, ref.call) for ref in refs([step.args, step.named])} - there
        missing.append(len(need))
        for one in need:
            readers.setdefault(one, []).append(at)
    ready = [at for at, count in enumerate(missing) if not count]
    found: list[Step] = []
    while ready:
        step = steps[heapq.heappop(ready)]
        found.append(step)
        for at in readers.get((step.spec.name, step.call), ()):
            missing[at] -= 1
            if not missing[at]:
                heapq.heappush(ready, at)
    if len(found) < len(steps):
        stuck = next(step.spec.name for step, count in zip(steps, missing, strict=True) if count)
        raise ModelError(f"{stuck} reads a tensor that is never computed, or that depends on its own output")
    return tuple(found)
