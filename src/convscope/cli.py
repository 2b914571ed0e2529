"""The command line: parses, calls the public API, prints. Data on stdout, messages on stderr.

Exit status: 0 done, 1 a check failed, 2 a mistake in the input, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from convscope.errors import ConvscopeError
from convscope.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

JSON = click.option("--json", "as_json", is_flag=True, help="Plain data, for other programs.")
INPUT = click.option("--input", "size", metavar="HxWxC", help="Size of the input; overrides what the net says.")


def show(data: dict[str, Any]) -> None:
    """Print plain data."""
    click.echo(json.dumps(data, indent=1, ensure_ascii=False))


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="convscope")
def cli() -> None:
    """Convscope: a workbench for convolutional networks.

    A net is one line of text (see docs/reference/notation.md), a file NET.cnn, or - for standard input:

    \b
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope train
      convscope eval runs/mnist-fast-0
    """


@cli.command()
@click.argument("net")
@INPUT
@JSON
@click.option("--markdown", is_flag=True, help="A table for a README.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
def table(net: str, size: str | None, *, as_json: bool, markdown: bool, as_csv: bool) -> None:
    r"""Shapes, parameters, multiply-adds, memory and receptive field of every layer.

    \b
    local    what a unit reads of the layer before (the course notes' local receptive field)
    field    input pixels that a unit depends on (the notes' global receptive field)
    stride   input pixels between neighbouring units;  start, centre: of the field of the first unit

    \b
    Examples:
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope table net.cnn --json
      echo "input 400x400x3, (3x3x3)x32, (3x3x32)x64" | convscope table - --markdown
    """
    from convscope.frontends import read

    if as_json + markdown + as_csv > 1:
        raise click.UsageError("give one of --json, --markdown and --csv")
    result = read(net, input=size).table()
    if as_json:
        show(result.to_json())
    else:
        click.echo(result.to_markdown() if markdown else result.to_csv() if as_csv else result.to_text())


@cli.command()
@click.argument("size", type=int)
@click.option("--kernel", default=3, show_default=True, help="Height and width of the kernels.")
@click.option("--channels", default=1, show_default=True, help="Channels of the picture.")
@click.option("--filters", default=1, show_default=True, help="Channels of every convolution.")
@click.option("--object", "target", type=int, help="Height and width of an object that must be seen whole.")
@click.option("--pool-every", default=0, metavar="M", help="A 2x2 max-pooling after every M convolutions.")
@JSON
def depth(  # noqa: D417 -- options are documented by their help
    size: int, kernel: int, channels: int, filters: int, target: int | None, pool_every: int, *, as_json: bool
) -> None:
    r"""How many KxK convolutions bring a SIZExSIZE picture to 1x1, and how many see an object whole.

    \b
    Examples:
      convscope depth 199
      convscope depth 28 --object 20 --filters 32
      convscope depth 224 --object 100 --pool-every 2 --channels 3 --json
    """
    from convscope.analyze.depth import depth as ask

    result = ask(size, kernel=kernel, channels=channels, filters=filters, target=target, pool_every=pool_every)
    if as_json:
        show(result.to_json())
    else:
        click.echo(str(result))


def main() -> None:
    """Run the command line; a mistake in the input prints one error and exits with 2."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ConvscopeError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe went away
        sys.stderr.close()
        sys.exit(0)
