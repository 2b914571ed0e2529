"""A layer of a Keras configuration, and the location of its weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.keras.outputs import OPERATIONS
from convscope.frontends.keras.settings import Settings, shown, whole

if TYPE_CHECKING:
    from collections import Counter

Sizes = tuple[int | None, ...]
"""Sizes of a tensor, including the batch; None for any size."""

MAX_NAME, MAX_PATH = 500, 2000
"""The most characters of the name of a layer or class, and of all enclosing models together."""

_HOMES = ("keras", "tf_keras", "tensorflow")
_OPERATIONS = ("ops", "activations", "random")
"""Keras modules whose classes are functions on tensors and not layers."""


@dataclass(frozen=True)
class Owner:
    """The location of the weights of a layer.

    Attributes:
        path: names of the enclosing models and its own; ``@cell`` is an attribute of the part before.
        groups: the path in a weights file of Keras 3, which numbers the layers of a class.
    """

    path: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def layer(self, name: str, group: str) -> Owner:
        """Return a layer of this model."""
        return Owner((*self.path, name), (*self.groups, "layers", group))

    def part(self, attribute: str) -> Owner:
        """Return an attribute of this layer that is a layer itself."""
        return Owner((*self.path, f"@{attribute}"), (*self.groups, attribute))

    @property
    def scope(self) -> str:
        """The prefix of names in the net: ``encoder.conv1``. The content of a wrapper has the wrapper's name."""
        return ".".join(one.removeprefix("@") for one in self.path if one != "@layer")


@dataclass(frozen=True)
class Spec:
    """A layer.

    Attributes:
        name: unique in its model.
        kind: name of its class.
        settings: arguments of the class.
        owner: location of the weights.
        operation: whether it is a function on tensors, such as ``keras.ops.mean``, and not a layer.
        ours: whether the class is Keras's own.
        built: input sizes for which the weights were created; None if not stated.
        old: written by Keras 1 or 2.
        raw: everything that is stated.
    """

    name: str
    kind: str
    settings: Settings
    owner: Owner
    operation: bool
    ours: bool
    built: Sizes | None
    old: bool
    raw: dict[str, Any] = field(repr=False)

    @property
    def model(self) -> bool:
        """Whether the layer is a model."""
        return is_model(self.raw)


def is_model(raw: dict[str, Any]) -> bool:
    """Return whether a configuration is that of a model, which has layers."""
    config = raw.get("config")
    return isinstance(config, list) or (isinstance(config, dict) and isinstance(config.get("layers"), list))


def spec(raw: object, owner: Owner, numbers: Counter[str], *, old: bool) -> Spec:
    """Parse an entry of a list of layers.

    Args:
        raw: the entry.
        owner: owner of the model with the list.
        numbers: number of earlier layers of each class, for :attr:`Owner.groups`.
        old: written by Keras 1 or 2.

    Raises:
        ModelError: it is not a layer.
    """
    kind = _kind(raw)
    if kind is None:
        raise ModelError(f"{shown(raw)} is not a layer", expected="a class_name and a config")
    assert isinstance(raw, dict)
    settings = raw.get("config")
    named = settings if isinstance(settings, dict) else {}
    name = raw.get("name", named.get("name", kind))
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        raise ModelError(
            f"{shown(name)} is not a valid name for a {kind}", expected=f"a name of at most {MAX_NAME} characters"
        )
    operation, ours = _home(raw)
    if "module" not in raw and not old and "layers" not in named:
        operation = _is_function(kind, named)
    group = _group(kind, numbers) if not operation else ""
    mine = owner.layer(name, group)
    if len(mine.scope) > MAX_PATH:
        raise ModelError(
            f"{shown(mine.scope)} has a name of {len(mine.scope)} characters", expected=f"at most {MAX_PATH} characters"
        )
    return Spec(name, kind, Settings(named), mine, operation, ours, _built(raw), old, raw)


def _kind(raw: object) -> str | None:
    """Return the class of a layer; None if there is none."""
    found = raw.get("class_name") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_NAME else None


def inner(raw: object, outer: Spec, attribute: str) -> Spec:
    """Return the layer in a wrapper.

    Raises:
        ModelError: there is no layer.
    """
    kind = _kind(raw)
    if kind is None:
        raise ModelError(f"{attribute} is not a layer", expected="a class_name and a config")
    assert isinstance(raw, dict)
    config = raw.get("config")
    operation, ours = _home(raw)
    settings = Settings(config if isinstance(config, dict) else {})
    owner = outer.owner.part(attribute)
    return Spec(outer.name, kind, settings, owner, operation, ours, None, outer.old, raw)


def _home(raw: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether a class is a Keras function, and whether it is Keras's own; old files do not state it."""
    module = raw.get("module")
    if module is None:
        registered = raw.get("registered_name")
        return False, not isinstance(registered, str) or ">" not in registered
    words = module.split(".") if isinstance(module, str) else [""]
    return words[0] == "keras" and any(word in _OPERATIONS for word in words[1:3]), words[0] in _HOMES


def _is_function(kind: str, named: dict[str, Any]) -> bool:
    """In ``.h5`` files of Keras 3, functions differ from layers in their settings only; a cast has a dtype."""
    return "trainable" not in named and ("dtype" not in named or len(named) == 2 or kind in OPERATIONS)


_CLASSES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Public names of Keras classes, with the internal names under which weights are stored."""


def _group(kind: str, numbers: Counter[str]) -> str:
    """Return the group name: ``conv2d`` for the first ``Conv2D``, ``conv2d_1`` for the second.

    >>> from collections import Counter
    >>> seen = Counter()
    >>> [_group(kind, seen) for kind in ("Conv2D", "ReLU", "Conv2DTranspose", "Conv2D")]
    ['conv2d', 're_lu', 'conv2d_transpose', 'conv2d_1']
    """
    kind = _CLASSES.get(kind, kind)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<!^)(?=[A-Z][a-z])", "_", re.sub(r"\W+", "", kind))
    base = words.lower()
    numbers[base] += 1
    return base if numbers[base] == 1 else f"{base}_{numbers[base] - 1}"


def sizes(raw: object) -> Sizes | None:
    """Return the sizes of a tensor; None if something else is stated."""
    if not isinstance(raw, list | tuple) or len(raw) > 64:
        return None
    found = tuple(whole(one) for one in raw)
    return found if all(a is not None or b is None for a, b in zip(found, raw, strict=True)) else None


def _built(raw: dict[str, Any]) -> Sizes | None:
    config = raw.get("build_config")
    return sizes(config.get("input_shape")) if isinstance(config, dict) else None
