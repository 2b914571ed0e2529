"""All commands, and how one of them is run."""

from __future__ import annotations

import os

import click
from click.shell_completion import shell_complete

from convscope.cli import (
    activations,
    analysis,
    check,
    compare,
    completion,
    data,
    draw,
    explore,
    filter,  # noqa: A004 -- the name of the command
    help,  # noqa: A004 -- the name of the command
    listing,
    look,
    push,
    report,
    runs,
    table,
    training,
    verify,
    write,
)
from convscope.cli.common import cli, raise_limits
from convscope.cli.completion import COMPLETE, NAME
from convscope.docstrings import documentation

__all__ = [
    "activations",
    "analysis",
    "check",
    "cli",
    "compare",
    "completion",
    "data",
    "draw",
    "explore",
    "filter",
    "help",
    "invoke",
    "listing",
    "look",
    "push",
    "report",
    "runs",
    "table",
    "training",
    "verify",
    "write",
]

for _command in (cli, *cli.commands.values(), *data.data.commands.values()):
    # docstrings are raw; click wants the control character before a paragraph that must keep its lines
    _command.help = (_command.help or documentation(_command.callback)).replace(r"\b", "\b")
    if not isinstance(_command, click.Group):
        _command.params.append(raise_limits())


def invoke(arguments: list[str]) -> int:
    """Run one command; its exit status.

    Not by ``cli.main``, for which a reader that went away is a failure.
    """
    if asked := os.environ.get(COMPLETE):
        return shell_complete(cli, {}, NAME, COMPLETE, asked)
    try:
        with cli.make_context(NAME, list(arguments)) as context:
            status = cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return status if isinstance(status, int) else 0
