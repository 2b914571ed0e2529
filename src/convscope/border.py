"""Arguments of the public functions: their types are checked before any work, by the names that all functions share."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

from convscope.errors import FieldError, UnknownNameError, nearest
from convscope.inert import inert

P = ParamSpec("P")
R = TypeVar("R")


def _parts(value: object) -> list[Any] | None:
    """Return the parts of a value that can be read several times; None if it has none."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping | Iterator):
        return None
    try:
        return list(value)
    except Exception:  # noqa: BLE001 -- the object of another library may raise anything
        return None


def _texts(value: object) -> bool:
    parts = _parts(value)
    return isinstance(value, str) or (parts is not None and all(map(_is_text, parts)))


def _logs(value: object) -> bool:
    parts = _parts(value)
    if parts is None:
        return isinstance(value, str)
    return all(_is_text(one) or (hasattr(one, "note") and hasattr(one, "close")) for one in parts)


def _is_extent(value: object) -> bool:
    parts = _parts(value)
    return _is_integer(value) or _is_text(value) or (bool(parts) and all(map(_is_integer, parts or [])))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_path(value: object) -> bool:
    try:
        return isinstance(value, str | os.PathLike) and "\0" not in os.fsdecode(value)
    except (TypeError, ValueError):  # an object that claims to be a path and is none
        return False


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return _is_integer(value) or _is_text(value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_amount(value: object) -> bool:
    return _is_number(value) or _is_text(value)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_image(value: object) -> bool:
    return _is_path(value) or hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _is_recipe(value: object) -> bool:
    return _is_path(value) or any(kind.__qualname__ == "Recipe" for kind in type(value).__mro__)


def _is_run(value: object) -> bool:
    return _is_path(value) or any(kind.__qualname__ == "Run" for kind in type(value).__mro__)


TEXT = (_is_text, "a text")
PATH = (_is_path, "a path")
EXTENT = (_is_extent, "an integer, a text such as 20x30, or an integer for each axis")
INTEGER = (_is_integer, "an integer")
COUNT = (_is_count, "an integer, or auto")
NUMBER = (_is_number, "a number")
FLAG = (_is_flag, "True or False")
AMOUNT = (_is_amount, "a number, or a text such as 20k")
TABLE = (_is_table, "a dictionary")
LOGS = (_logs, "the names of logs, or logs of your own, with note() and close()")
IMAGE = (_is_image, "a path, an array, a tensor or an image of Pillow")
FUNCTION = (callable, "a function")
TEXTS = (_texts, "a text, or several")
RUN = (_is_run, "a run, or the path of its folder")

RECIPE = (_is_recipe, "a recipe, its name, or a .toml file")

Kind = tuple[Callable[[Any], bool], str]

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("to", "what", "split", "border", "response", "by", "dtype", "optimizer"), TEXT),
    **dict.fromkeys(("name", "node", "layer", "of", "init", "classes", "keep", "title"), TEXT),
    **dict.fromkeys(("path", "out", "weights"), PATH),
    **dict.fromkeys(("seed", "tta", "units", "size", "batch", "channels", "filters", "pool_every", "steps"), INTEGER),
    **dict.fromkeys(("top", "patience", "fold", "folds", "min_rf"), INTEGER),
    **dict.fromkeys(("object_size", "object"), EXTENT),
    **dict.fromkeys(("epochs", "lr", "lr_head", "save_every", "times", "at_least"), NUMBER),
    **dict.fromkeys(("max_params", "max_macs", "max_memory", "max_weights", "max_activations"), AMOUNT),
    **dict.fromkeys(("strict", "skip_bad", "flip", "gates", "measure", "private", "dry_run"), FLAG),
    **dict.fromkeys(("balance", "unlike", "in_place", "large"), FLAG),
    **dict.fromkeys(("report", "progress", "warn", "note", "prepared", "planned", "doubt"), FUNCTION),
    **dict.fromkeys(("freeze", "ignore", "names"), TEXTS),
    "threads": COUNT,
    "logs": LOGS,
    "run": RUN,
    "tensors": TABLE,
    "image": IMAGE,
    "recipe": RECIPE,
}
"""What an argument may be, by its name; others are read by the functions themselves."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose arguments are checked by name and by type before it is called.

    None is allowed where it is the default.

    >>> def train(net: object, *, epochs: float | None = None, seed: int = 0) -> None: ...
    >>> checked(train)("net", epochs="many")
    Traceback (most recent call last):
        ...
    convscope.errors.FieldError: epochs cannot be 'many'
      expected a number
    >>> checked(train)("net", epoch=1)
    Traceback (most recent call last):
        ...
    convscope.errors.UnknownNameError: train() has no argument "epoch"
      expected some of net, epochs, seed
      try      epochs
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in _bound(function, signature, args, kwargs).items():
            kind = KINDS.get(name)
            if kind is None or (value is None and signature.parameters[name].default is None):
                continue
            fits, expected = kind
            if not fits(value):
                raise FieldError(f"{name} cannot be {_shown(value)}", expected=expected)
        return function(*args, **kwargs)

    return called


def _bound(
    function: Callable[..., Any], signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments by name.

    Raises:
        UnknownNameError: the function has no argument of that name.
        FieldError: an argument is missing, or there are too many.
    """
    names = list(signature.parameters)
    called = f"{function.__name__}()"
    if not any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values()):
        for name in kwargs:
            if name not in names:
                what = f'{called} has no argument "{inert(str(name))}"'
                raise UnknownNameError(what, expected=f"some of {', '.join(names)}", attempt=nearest(name, names))
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise FieldError(f"{called}: {error}", expected=f"{function.__name__}{_form(signature)}") from None


def _form(signature: inspect.Signature) -> str:
    """Return the arguments of a function, without their types."""
    plain = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def _shown(value: object) -> str:
    """Return a value as a message shows it; the type of one whose text is long or fails."""
    try:
        text = inert(repr(value))
    except Exception:  # noqa: BLE001 -- the object of another library may raise anything
        text = ""
    return text if 0 < len(text) <= 60 else type(value).__name__
