"""What the commands share: the group, options, printing."""

from __future__ import annotations

import json
from typing import Any

import click

from convscope.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

JSON = click.option("--json", "as_json", is_flag=True, help="Plain data, for other programs.")
INPUT = click.option("--input", "size", metavar="HxWxC", help="Size of the input; overrides what the net says.")


def dumped(data: dict[str, Any]) -> str:
    """Plain data as text."""
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)


def show(data: dict[str, Any]) -> None:
    """Print plain data."""
    click.echo(dumped(data))


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="convscope")
def cli() -> None:
    r"""Convscope: a workbench for convolutional networks.

    A net is one line of text (see docs/reference/notation.md), a file NET.cnn, or - for standard input:

    \b
      convscope table "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"
      convscope train
      convscope eval runs/mnist-fast-seed0
    """
