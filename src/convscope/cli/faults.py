"""What the command line says of an exception."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import click

from convscope.errors import ConvscopeError, UnnamedDataError, machine
from convscope.extras import missing_module

if TYPE_CHECKING:
    from collections.abc import Sequence

RENAMED = {
    "--node": "The option is called --layer.",
    "--output": "The option is called --out, or -o.",
    "--mask": "Give a name that ends in .png to -o, or --out.",
    "--markdown": "Write --to markdown.",
    "--csv": "Write --to csv.",
}
"""Options under names that they had, and what to write instead."""

DEPTH = 20
"""Exceptions after an exception that are looked at."""


def interrupt_in(error: BaseException) -> BaseException | None:
    """The interrupt that an error came of, as a library makes another error of it that was being loaded.

    >>> interrupt_in(click.Abort()), interrupt_in(ValueError())
    (Abort(), None)
    """
    found: BaseException | None = error
    for _ in range(DEPTH):
        if found is None or issubclass(type(found), KeyboardInterrupt | click.Abort):  # code of others may lie
            return found
        found = found.__cause__ or found.__context__
    return None


def message(error: Exception, arguments: Sequence[str] = ()) -> str | None:
    """The words for a mistake of the user, or for what the machine lacks; None where it is neither.

    Args:
        error: that was raised.
        arguments: of the command, for an error that knows which one it lacks.

    >>> message(ConvscopeError("no"))
    'ConvscopeError: no'
    """
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("convscope"):
        return missing_module(str(error.name)).told()
    if isinstance(error, UnnamedDataError):
        return error.completed(["convscope", *arguments]).told()
    found = error if isinstance(error, ConvscopeError) else machine(error)
    return None if found is None else found.told()


def _usage(error: click.ClickException) -> str:
    """As click prints it."""
    if isinstance(error, click.NoSuchOption) and error.option_name in RENAMED:
        told = f"No such option: {error.option_name}. {RENAMED[error.option_name]}"
        error = click.UsageError(told, error.ctx)
    out = io.StringIO()
    error.show(out)
    return out.getvalue().rstrip("\n")
