"""Defaults of the command ``check`` from ``[tool.convscope]`` of a pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope import files
from convscope.errors import FieldError, UnknownNameError, nearest
from convscope.streams import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE, TOOL = "pyproject.toml", "convscope"

MOST = 2**22
"""Limit for a pyproject.toml [byte]."""

KEYS = {
    "max-params": "max_params",
    "max-macs": "max_macs",
    "max-memory": "max_memory",
    "max-weights": "max_weights",
    "max-activations": "max_activations",
    "min-rf": "min_rf",
    "dtype": "dtype",
    "object": "target",
    "input": "size",
    "ignore": "ignore",
}
"""Keys of the section, with the arguments of the command; options have the same names."""

LISTS = ("ignore",)
"""Keys with a list of texts; the others have a text or an integer."""


def nearest_settings(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the nearest pyproject.toml above a folder with our section, and the arguments in it.

    Raises:
        FieldError: a file on the way is not TOML, or a value is of another type.
        UnknownNameError: there is no such key.
    """
    for one in (folder, *folder.parents):
        path = one / FILE
        if not path.is_file():
            continue
        try:
            content = tomllib.loads(files.read(path, MOST).decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FieldError(f"{path} is not TOML: {error}", attempt="--no-config, to leave it out") from None
        tools = content.get("tool")
        section = tools.get(TOOL) if isinstance(tools, dict) else None
        if isinstance(section, dict):
            return path, _arguments(path, section)
    return None


def _arguments(path: Path, section: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in section.items():
        if key not in KEYS:
            what = f'{path}: [tool.{TOOL}] has no key "{key}"'
            raise UnknownNameError(what, expected=f"one of {', '.join(KEYS)}", attempt=nearest(key, KEYS))
        if not _fits(key, value):
            kind = "a list of texts" if key in LISTS else "a text or an integer from 0"
            raise FieldError(f"{path}: {key} = {value!r:.60}", expected=kind)
    return {KEYS[key]: [value] if key == "input" else value for key, value in section.items()}


def _fits(key: str, value: object) -> bool:
    if key in LISTS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _configured(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:  # noqa: ARG001, FBT001 -- click's
    """Use the section for options that are not given."""
    try:
        found = nearest_settings(Path.cwd()) if wanted else None
    except FileNotFoundError:  # the working folder has been removed
        found = None
    if found:
        path, arguments = found
        context.default_map = arguments
        tell(f"using [tool.{TOOL}] of {path}")


CONFIG = click.option(
    "--config/--no-config",
    default=True,
    is_eager=True,
    expose_value=False,
    callback=_configured,
    help="Read options that are not given from [tool.convscope] of the nearest pyproject.toml; the default.",
)
