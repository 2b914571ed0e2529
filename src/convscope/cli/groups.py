"""The group of all commands, which ``convscope --help`` lists by task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.view.wrap import unbroken, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS: dict[str, tuple[str, ...]] = {
    "See a net": ("table", "draw", "field", "memory", "depth", "check", "compare", "verify", "write"),
    "Train and use": ("train", "eval", "predict", "export", "push"),
    "Look inside": ("explore", "look", "report", "filter", "activations"),
    "Data": ("data",),
    "Other": ("list", "help", "completion"),
}
"""The commands by task."""


class Laid(click.Command):
    """A command whose help fits the terminal, the lists in it too, which click prints as they are written."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the text; what stands beside a word goes on below itself."""
        before = len(formatter.buffer)
        super().format_help_text(ctx, formatter)
        text = "".join(formatter.buffer[before:])
        del formatter.buffer[before:]
        formatter.write(wrapped(unbroken(text), formatter.width))


class Below(Laid, click.Group):
    """A group of such commands."""

    command_class = Laid


class Tasks(Laid, click.Group):
    """A group whose help lists the commands by task."""

    command_class = Laid
    group_class = Below

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of :data:`TASKS`."""
        order = [name for names in TASKS.values() for name in names]
        return sorted(super().list_commands(ctx), key=lambda name: (order.index(name) if name in order else 99, name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """Write a section for each task."""
        widest = max(map(len, self.commands))
        for task, rows in self._sections():
            with formatter.section(task):
                formatter.write_dl([(name.ljust(widest), text) for name, text in rows])

    def _sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for task, names in TASKS.items():
            found = [(name, summary(self.commands[name])) for name in names if name in self.commands]
            if found:
                yield task, found


def summary(command: click.Command) -> str:
    r"""Return the first line of a command's help without its full stop.

    >>> summary(click.Command("x", help="Train a net.\n\nAt length."))
    'Train a net'
    """
    return (command.help or "").strip().partition("\n")[0].removesuffix(".")
