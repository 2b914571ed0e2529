"""Messages for exceptions on the command line."""

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
"""Former names of options, with their replacements."""

DEPTH = 20
"""The most chained exceptions that are examined."""


def interrupt_in(error: BaseException) -> BaseException | None:
    """Return the interrupt behind an error, since a library that is being loaded may turn it into another error.

    >>> interrupt_in(click.Abort()), interrupt_in(ValueError())
    (Abort(), None)
    """
    found: BaseException | None = error
    for _ in range(DEPTH):
        if found is None or issubclass(type(found), KeyboardInterrupt | click.Abort):  # its own class may be false
            return found
        found = found.__cause__ or found.__context__
    return None


def message(error: Exception, arguments: Sequence[str] = ()) -> str | None:
    """Return the message for a mistake of the user or a lack of resources; None for anything else.

    Args:
        error: the exception.
        arguments: arguments of the command, for errors that know which one is missing.

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
    """Return an error as click prints it."""
    if isinstance(error, click.NoSuchOption) and error.option_name in RENAMED:
        told = f"No such option: {error.option_name}. {RENAMED[error.option_name]}"
        error = click.UsageError(told, error.ctx)
    out = io.StringIO()
    error.show(out)
    return out.getvalue().rstrip("\n")
