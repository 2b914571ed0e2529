"""JSON and TOML of a run folder, decoded to the expected types; anything else is one kind of error."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from convscope.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A count of steps, images, …, within the range that every JSON reader takes exactly."""

Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
Measure = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
"""A loss or a duration."""


def from_json(content: bytes, kind: type[T], path: Path | str) -> T:
    """Decode a JSON file.

    Args:
        content: of the file.
        kind: the expected type.
        path: the path that the error names.

    Raises:
        RunError: the content is something else; the error names the file and the key.

    >>> from_json(b'{"a": 1, "b": 2}', dict[str, int], "x.json")
    {'a': 1, 'b': 2}
    >>> from_json(b'[1, "2"]', list[int], "x.json")
    Traceback (most recent call last):
        ...
    convscope.errors.RunError: x.json is damaged: [1]: expected int, got str
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:  # errors of msgspec and of text decoding are all ValueErrors
        raise RunError(f"{path} is damaged: {_plainly(error)}") from None


def from_toml(content: bytes, kind: type[T], path: Path | str) -> T:
    """Decode a TOML file; otherwise like :func:`from_json`.

    >>> from_toml(b"seed = 3", dict[str, int], "x.toml")
    {'seed': 3}
    """
    try:
        return msgspec.convert(tomllib.loads(content.decode()), kind)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {_plainly(error)}") from None


def _plainly(error: Exception) -> str:
    """Return the library's message with the key first and without its punctuation."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    what, _, key = str(error).partition(" - at `$")
    plain = what.replace("`", "").replace("Expected", "expected")
    place = re.sub(r"^\.", "", key.rstrip("`"))
    return f"{place}: {plain}" if place else plain
