"""The command line: parses, calls the public API, prints. Data on stdout, messages on stderr.

Exit status: 0 done, 1 a check failed, 2 a mistake in the input, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import os
import signal
import sys

import click

from convscope.cli import activations, analysis, compare, data, filter, look, report, runs, training, verify, write  # noqa: A004
from convscope.cli.common import cli, raise_limits
from convscope.errors import ConvscopeError, missing_extra

__all__ = [
    "activations",
    "analysis",
    "cli",
    "compare",
    "data",
    "filter",
    "look",
    "main",
    "report",
    "run",
    "runs",
    "training",
    "verify",
    "write",
]

for _command in (cli, *cli.commands.values(), *data.data.commands.values()):
    # docstrings are raw; click wants the control character before a paragraph that must keep its lines
    _command.help = (_command.help or "").replace(r"\b", "\b")
    if not isinstance(_command, click.Group):
        _command.params.append(raise_limits())


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; a mistake in the input prints one error."""
    try:
        status = cli.main(arguments, prog_name="convscope", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except ConvscopeError as error:
        click.echo(str(error), err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("convscope"):
            raise
        click.echo(str(missing_extra(str(error.name))), err=True)
        return 2
    except MemoryError:
        click.echo("MemoryError: this question needs more memory than there is", err=True)
        return 2
    except OSError as error:  # a full disk, a limit, a closed stream
        click.echo(f"{error.filename or 'the system'}: {error.strerror or error}", err=True)
        return 2
    return status if isinstance(status, int) else 0


def main() -> None:
    """The command ``convscope``."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half made is removed on the way out
    try:
        status = run(sys.argv[1:])
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our pipe went away; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        click.echo(f"the output cannot be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 2
    sys.exit(status)
