"""The command that prints the help of another command."""

from __future__ import annotations

import click

from convscope.cli.choices import Known
from convscope.cli.common import cli
from convscope.errors import unknown
from convscope.streams import say


def _names(context: click.Context, _: str) -> list[str]:
    group: click.Command = cli
    for word in context.params.get("command") or ():
        group = group.commands.get(word, group) if isinstance(group, click.Group) else group
    return list(group.commands) if isinstance(group, click.Group) else []


@cli.command("help")
@click.argument("command", nargs=-1, type=Known("COMMAND", _names))
@click.pass_context
def help_(context: click.Context, command: tuple[str, ...]) -> None:
    r"""Show help for a command.

    \b
    Examples:
      convscope help
      convscope help train
      convscope help data show
    """
    found: click.Command = cli
    at = context.find_root()
    for word in command:
        known = found.commands if isinstance(found, click.Group) else {}
        if word not in known:
            raise unknown("command", word, known or cli.commands)
        found = known[word]
        at = click.Context(found, info_name=word, parent=at)
    say(found.get_help(at))
