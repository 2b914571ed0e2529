"""The settings of a Keras layer: plain data from a file, checked on access."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import MAX_INT
from convscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MISSING = object()


@dataclass(frozen=True)
class Settings:
    """Named values of a layer, each of which is requested with its expected type.

    >>> Settings({"filters": 8, "kernel_size": 3}).ints("kernel_size", 2)
    (3, 3)
    """

    values: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the raw value; the default if it is missing or null."""
        found = self.values.get(name)
        return default if found is None else found

    def whole(self, name: str, default: Any = _MISSING, *, least: int = 1) -> int:
        """Return an integer.

        Raises:
            ModelError: the value is missing or invalid.
        """
        found = whole(self.get(name, default))
        if found is None or not least <= found <= MAX_INT:
            raise self._wrong(name, f"an integer from {least} to {MAX_INT}")
        return found

    def ints(self, name: str, count: int, default: Any = _MISSING, *, least: int = 1) -> tuple[int, ...]:
        """Return a number of integers; a single one stands for all.

        Raises:
            ModelError: the value is missing or invalid.
        """
        found = self.get(name, default)
        given = [found] * count if whole(found) is not None else found
        numbers = [whole(one) for one in given] if isinstance(given, list | tuple) else []
        known = tuple(one for one in numbers if one is not None and least <= one <= MAX_INT)
        if len(known) == 1 and len(numbers) == 1:
            known *= count
        if len(known) != count:
            raise self._wrong(name, f"{count} integers from {least}")
        return known

    def axes(self, name: str, rank: int, default: Any = _MISSING) -> tuple[int, ...]:
        """Return distinct dimensions of a tensor of a given rank, counted from the front.

        Raises:
            ModelError: the value is missing or invalid.
        """
        found = self.get(name, default)
        given = found if isinstance(found, list | tuple) else [found]
        numbers = [whole(one) for one in given]
        known = tuple(sorted({one % rank for one in numbers if one is not None and -rank <= one < rank}))
        if not known or len(known) != len(numbers):
            raise self._wrong(name, f"dimensions of a tensor that has {rank}")
        return known

    def axis(self, name: str, rank: int, default: Any = _MISSING) -> int:
        """Return one dimension of a tensor of a given rank, counted from the front.

        Raises:
            ModelError: the value is missing or invalid.
        """
        found = self.axes(name, rank, default)
        if len(found) > 1:
            raise self._wrong(name, "one dimension")
        return found[0]

    def real(self, name: str, default: Any = _MISSING) -> float:
        """Return a number.

        Raises:
            ModelError: the value is missing or not a number.
        """
        found = number(self.get(name, default))
        if found is None:
            raise self._wrong(name, "a number")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a Boolean.

        Raises:
            ModelError: the value is not a Boolean.
        """
        found = self.get(name, default)
        if not isinstance(found, bool):
            raise self._wrong(name, "true or false")
        return found

    def word(self, name: str, choices: tuple[str, ...], default: Any = None) -> str:
        """Return one of a few words; by default the first.

        Raises:
            ModelError: the value is another word.
        """
        found = self.get(name, choices[0] if default is None else default)
        if not isinstance(found, str) or found.lower() not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}")
        return found.lower()

    def table(self, name: str) -> dict[str, Any]:
        """Return nested settings.

        Raises:
            ModelError: the value is missing or not a dictionary.
        """
        found = self.get(name)
        if not isinstance(found, dict):
            raise self._wrong(name, "a dictionary")
        return found

    def _wrong(self, name: str, expected: str) -> ModelError:
        if name not in self.values:
            return ModelError(f"{name} is missing", expected=expected)
        return ModelError(f"{name}={shown(self.values[name])} is not valid", expected=expected)


SHOWN = 60
"""The most characters of a value in a message."""


def shown(value: object) -> str:
    """Return a value for a message, shortened if it is long.

    >>> shown({"a": [0.5] * 10**6})
    "{'a': [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.…"
    """
    text = repr(_start(value, count(1)))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _start(value: object, number: Iterator[int]) -> object:
    """Reduce a value to the part that is shown, since each part takes at least one character."""
    if isinstance(value, str):
        return value[: SHOWN + 1]
    if not isinstance(value, list | tuple | dict):
        return value
    inside: Iterable[Any] = value.items() if isinstance(value, dict) else value
    some = takewhile(lambda _: next(number) <= SHOWN, inside)
    if isinstance(value, dict):
        return {key[: SHOWN + 1] if isinstance(key, str) else key: _start(one, number) for key, one in some}
    return [_start(one, number) for one in some]


def parts(value: object) -> int:
    """Count the values of which one consists, including itself.

    >>> parts({"a": [1, 2], "b": 3})
    5
    """
    found, left = 0, [value]
    while left:
        one = left.pop()
        found += 1
        if isinstance(one, list | tuple | dict):
            left += one.values() if isinstance(one, dict) else one
    return found


def whole(value: object) -> int | None:
    """Return an integer, which may be written as ``3.0``; None for anything else.

    >>> whole(3), whole(3.0), whole(True), whole("3")
    (3, 3, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def number(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > np.finfo(np.float64).max:
        return None
    return float(value) if math.isfinite(value) else None


def array(value: object) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """Return numbers, nested like a tensor or wrapped by Keras; None for anything else.

    >>> array([1, 2.5]), array({"class_name": "__numpy__", "config": {"value": [3]}})
    (array([1. , 2.5], dtype=float32), array([3.], dtype=float32))
    """
    if isinstance(value, dict) and value.get("class_name") in {"__numpy__", "__tensor__"}:
        config = value.get("config")
        value = config.get("value") if isinstance(config, dict) else None
    if not isinstance(value, int | float | list | tuple | np.ndarray | np.generic) or isinstance(value, bool):
        return None
    try:
        return np.asarray(value, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        return None
