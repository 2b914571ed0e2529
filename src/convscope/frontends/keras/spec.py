"""One layer as a Keras configuration states it, and where its weights are kept."""

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
"""Lengths of the dimensions of a tensor, batch included; None where any length is allowed."""

MAX_NAME, MAX_PATH = 500, 2000
"""Letters in the name of a layer or a class, and in those of all models that a layer is in, together."""

_HOMES = ("keras", "tf_keras", "tensorflow")
_OPERATIONS = ("ops", "activations", "random")
"""Modules of Keras whose classes are functions that were called on tensors, and no layers."""


@dataclass(frozen=True)
class Owner:
    """Where the weights of a layer are kept.

    Attributes:
        path: names of the models that it is in, and its own; ``@cell`` is an attribute of what is before.
        groups: the same in a weights file of Keras 3, which numbers the layers of a class.
    """

    path: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def layer(self, name: str, group: str) -> Owner:
        """A layer of this model."""
        return Owner((*self.path, name), (*self.groups, "layers", group))

    def part(self, attribute: str) -> Owner:
        """An attribute of this layer that is a layer itself."""
        return Owner((*self.path, f"@{attribute}"), (*self.groups, attribute))

    @property
    def scope(self) -> str:
        """What names in the net begin with: ``encoder.conv1``. What a wrapper holds is called as the wrapper."""
        return ".".join(one.removeprefix("@") for one in self.path if one != "@layer")


@dataclass(frozen=True)
class Spec:
    """One layer.

    Attributes:
        name: unique in its model.
        kind: name of its class.
        settings: what the class was made with.
        owner: of the weights.
        operation: a function that was called on tensors, such as ``keras.ops.mean``, and no layer.
        ours: the class is one of Keras itself.
        built: sizes of the input that the weights were made for; None where that is not stated.
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
        """The layer is a whole model."""
        return is_model(self.raw)


def is_model(raw: dict[str, Any]) -> bool:
    """A configuration is that of a model: it has layers."""
    config = raw.get("config")
    return isinstance(config, list) or (isinstance(config, dict) and isinstance(config.get("layers"), list))


def spec(raw: object, owner: Owner, numbers: Counter[str], *, old: bool) -> Spec:
    """One entry of a list of layers.

    Args:
        raw: the entry.
        owner: of the model that has the list.
        numbers: how many layers of each class came before, for :attr:`Owner.groups`.
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
    """The class of a layer; None where there is none."""
    found = raw.get("class_name") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_NAME else None


def inner(raw: object, outer: Spec, attribute: str) -> Spec:
    """The layer that a wrapper holds.

    Raises:
        ModelError: there is none.
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
    """Whether a class is a function of Keras, and whether it is Keras's own at all; old files do not state it."""
    module = raw.get("module")
    if module is None:
        registered = raw.get("registered_name")
        return False, not isinstance(registered, str) or ">" not in registered
    words = module.split(".") if isinstance(module, str) else [""]
    return words[0] == "keras" and any(word in _OPERATIONS for word in words[1:3]), words[0] in _HOMES


def _is_function(kind: str, named: dict[str, Any]) -> bool:
    """Files ``.h5`` of Keras 3 tell functions from layers only by their settings; a cast has a name and a dtype."""
    return "trainable" not in named and ("dtype" not in named or len(named) == 2 or kind in OPERATIONS)


_CLASSES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Names under which Keras offers a class, and those of the class itself, by which its weights are kept."""


def _group(kind: str, numbers: Counter[str]) -> str:
    """``Conv2D`` is kept under ``conv2d``, the second one under ``conv2d_1``.

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
    """The sizes of one tensor; None where something else is stated."""
    if not isinstance(raw, list | tuple) or len(raw) > 64:
        return None
    found = tuple(whole(one) for one in raw)
    return found if all(a is not None or b is None for a, b in zip(found, raw, strict=True)) else None


def _built(raw: dict[str, Any]) -> Sizes | None:
    config = raw.get("build_config")
    return sizes(config.get("input_shape")) if isinstance(config, dict) else None
